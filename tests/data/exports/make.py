"""Writes the torch.export files of this folder, with the inputs and outputs of each.

    python make.py cases                with PyTorch 2.13: CASE.pt2, CASE.decomposed.pt2, CASE.traced.pt, CASE.npz
    python make.py layout VERSION       with that PyTorch: layout_VERSION.pt2 of one network, the same in all (seeded)

Run ../neutral_paths.py on what was written.

The .npz holds the inputs by name and the outputs as output_0, ….
"""

import copy
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Kitchen(nn.Module):
    """Buffers, a constant, a method, a shared module, a dict of results."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.Hardswish()
        self.shared = nn.Linear(4, 4)
        self.head = nn.Linear(4, 3, bias=False)
        self.register_buffer("scale", torch.tensor([0.5, 1.0, 1.5, 2.0]))
        self.register_buffer("hidden", torch.tensor([0.1, 0.2, 0.3, 0.4]), persistent=False)

    def forward(self, image):
        x = self.act(self.norm(self.conv(image)))
        x = x.mean((2, 3)) * self.scale + self.hidden
        x = torch.relu(self.shared(torch.relu(self.shared(x))))
        x = x + torch.tensor([1.0, -1.0, 0.5, 0.0])
        return {"scores": self.head(x), "features": (x, x.sum(1))}


class Functions(nn.Module):
    """Functions of PyTorch that run_decompositions() takes apart."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 5))
        self.bias = nn.Parameter(torch.randn(6))
        self.prelu = nn.PReLU(6)
        self.silu = nn.SiLU()
        self.norm = nn.LayerNorm(6)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        y = F.relu6(F.linear(x, self.weight, self.bias))
        y = self.silu(y) + F.hardsigmoid(y) - F.mish(y)
        y = F.leaky_relu(self.prelu(y), 0.2) * F.elu(y, 0.7)
        y = self.drop(self.norm(F.softplus(y)))
        return F.gelu(y, approximate="tanh"), F.log_softmax(y, -1)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, num_layers=1, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(8, 5)
        self.cell = nn.LSTMCell(5, 4)

    def forward(self, x):
        y, _ = self.lstm(x)
        z, last = self.gru(y.transpose(0, 1))
        h, c = self.cell(z[-1], (last[0][:, :4], last[0][:, 1:]))
        return h, c, z


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)])
        self.cross = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x, memory):
        for layer in self.layers:
            x = layer(x)
        y, weights = self.cross(x, memory, memory)
        return F.scaled_dot_product_attention(y, x, x), weights


class InPlace(nn.Module):
    """Writes to its input's copy, to a view, to a buffer."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.act = nn.ReLU(inplace=True)
        self.register_buffer("count", torch.zeros(4))

    def forward(self, x):
        y = self.fc(x)
        self.act(y)
        y[:, 1].mul_(2.0)
        y[:, 2:] += 1
        self.count.add_(y.mean(0))
        return y + self.count


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 4)

    def forward(self, x):
        with torch.no_grad():
            s = x.sum()
        return torch.cond(s > 0, lambda x: torch.tanh(self.a(x)), lambda x: self.b(x).sigmoid(), (x,))


class Sizes(nn.Module):
    """Sizes that are computed from those of the input."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 2)

    def forward(self, x, pair):
        n, t, f = x.shape
        y = x.reshape(n, t // 2, 2 * f)
        y = F.pad(y, (0, 0, 0, 1))
        return self.fc(y).flatten(1)[:, : t - 1] * pair["gain"] + pair["offset"]


class Fixed(nn.Module):
    """Exported for four samples, and with a number that the export keeps."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x, times: int = 2):
        return self.fc(x) * times


class Norms(nn.Module):
    """What run_decompositions() leaves as operators of its own."""

    def __init__(self):
        super().__init__()
        self.norm = nn.InstanceNorm2d(3, affine=True)
        self.act = nn.RReLU()

    def forward(self, x):
        return self.act(self.norm(x))


def arrays(names, inputs, outputs):
    flat = torch.utils._pytree.tree_leaves(outputs)
    found = {name: value.numpy() for name, value in zip(names, inputs) if isinstance(value, torch.Tensor)}
    found.update({f"output_{i}": value.detach().numpy() for i, value in enumerate(flat)})
    return found


def settle(model):
    """A batch norm's statistics are not those it begins with."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 1.5)
    return model.eval()


def layout(version):
    torch.manual_seed(1)
    model = settle(Kitchen())
    image = torch.randn(5, 1, 6, 6)
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(model, (image,), dynamic_shapes={"image": {0: batch}})
    torch.export.save(program, f"layout_{version}.pt2")
    if version == "2.13":
        np.savez("layout.npz", **arrays(["image"], [image], model(image)))


def cases():
    torch.manual_seed(2)
    batch = torch.export.Dim("batch", min=2, max=64)
    x3 = torch.randn(5, 4, 3)
    table = {
        "functions": (Functions(), {"x": torch.randn(5, 5)}, {"x": {0: batch}}),
        "recurrent": (Recurrent(), {"x": x3}, None),
        "attention": (Attention(), {"x": torch.randn(3, 4, 8), "memory": torch.randn(3, 6, 8)}, None),
        "in_place": (InPlace(), {"x": torch.randn(5, 4)}, {"x": {0: batch}}),
        "branch": (Branch(), {"x": torch.randn(5, 4)}, None),
        "norms": (Norms(), {"x": torch.randn(2, 3, 4, 5)}, None),
        "fixed": (Fixed(), {"x": torch.randn(4, 4), "times": 2}, None),
    }
    for name, (model, inputs, shapes) in table.items():
        settle(model)
        values = tuple(inputs.values())
        outputs = copy.deepcopy(model)(*values)
        if shapes is not None:
            program = torch.export.export(model, values, dynamic_shapes=shapes)
        else:
            program = torch.export.export(model, values)
        torch.export.save(program, f"{name}.pt2")
        torch.export.save(program.run_decompositions(), f"{name}.decomposed.pt2")
        np.savez(f"{name}.npz", **arrays(inputs, values, outputs))
        if name not in ("branch", "fixed"):
            traced = torch.jit.trace(copy.deepcopy(model), values, check_trace=False)
            if name == "in_place":
                traced.count.zero_()  # which the trace has written to
            torch.jit.save(traced, f"{name}.traced.pt")
    model = Sizes().eval()
    x, pair = torch.randn(4, 6, 3), {"gain": torch.tensor(1.5), "offset": torch.randn(5)}
    program = torch.export.export(model, (x, pair), dynamic_shapes=({0: batch}, {"gain": None, "offset": None}))
    torch.export.save(program, "sizes.pt2")
    np.savez("sizes.npz", **arrays(["x", "pair_gain", "pair_offset"], [x, pair["gain"], pair["offset"]], model(x, pair)))


if sys.argv[1] == "cases":
    cases()
else:
    layout(sys.argv[2])
