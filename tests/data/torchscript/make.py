"""Writes the TorchScript files of this folder, with one network in many forms.

    python make.py VERSION      with that PyTorch: by_VERSION.FORM.pt; with 2.13 the inputs and outputs too

The weights are multiples of 1/16: half precision and bfloat16 hold them exactly, and the outputs are the same in every
form. Run ../neutral_paths.py on what was written.
"""

import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 8)
        self.fc2 = nn.Linear(8, 6)

    def forward(self, x):
        y = torch.relu(self.fc1(x))
        return x + self.fc2(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pos = nn.Parameter(torch.randn(4, 6))
        self.blocks = nn.Sequential(Block(), Block())
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = x + self.pos
        x = self.blocks(x)
        return F.hardtanh(self.head(x), -8.0, 8.0)


class Halves(nn.Module):
    """No forward: two methods."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    @torch.jit.export
    def encode(self, x):
        return self.net.blocks(x + self.net.pos)

    @torch.jit.export
    def decode(self, y):
        return F.hardtanh(self.net.head(y), -8.0, 8.0)


class Encoder(nn.Module):
    """No forward: one method."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    @torch.jit.export
    def encode(self, x):
        return self.net(x)


def main(version):
    torch.manual_seed(3)
    net = Net().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.round(parameter * 16) / 16)
    x = torch.round(torch.randn(5, 4, 6) * 8) / 8
    traced, scripted = torch.jit.trace(net, x), torch.jit.script(net)
    forms = {"traced": traced, "scripted": scripted, "frozen_traced": torch.jit.freeze(traced), "frozen_scripted": torch.jit.freeze(scripted)}
    if version == "2.13":
        forms["methods"], forms["one_method"] = torch.jit.script(Halves(net)), torch.jit.script(Encoder(net))
        forms["half"] = torch.jit.script(Net().eval().half())
        forms["bfloat16"] = torch.jit.script(Net().eval().bfloat16())
        for name in ("half", "bfloat16"):
            forms[name].load_state_dict(net.state_dict())
        forms["frozen_half"] = torch.jit.freeze(forms["half"].eval())
        np.savez("net.npz", x=x.numpy(), output_0=net(x).detach().numpy())
    for name, form in forms.items():
        form.save(f"by_{version}.{name}.pt")


main(sys.argv[1])
