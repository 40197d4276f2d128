"""Modules that write into their argument."""

import torch
from torch import nn
from torch.nn import functional as F

from case import idiom, kSteps


@idiom()
class ResidualWrittenBefore(nn.Module):
    """The branch's first activation changes the residual too."""

    def __init__(self):
        super().__init__()
        self.branch = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(8, 8), nn.ReLU(inplace=True), nn.Linear(8, 8))

    def forward(self, x):
        h = x * 1.0
        y = self.branch(h)
        y += h
        return y


@idiom()
class ResidualWrittenAfter(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        h = x * 1.0
        y = self.linear(h)
        y += h
        z = y * 2
        return self.relu(y) + z + torch.relu_(h)


class AddTo(nn.Module):
    def forward(self, x, y):
        x += y
        return x


@idiom()
class ArgumentWritten(nn.Module):
    def __init__(self):
        super().__init__()
        self.add_to = AddTo()

    def forward(self, x):
        h = x * 1.0
        y = h * 2
        a = self.add_to(h, y)
        b = self.add_to(y, h)
        return h + b, a


@idiom()
class ModulesInALoop(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])

    def forward(self, x):
        h = x * 1.0
        for layer in self.layers:
            z = layer(h)
            z.relu_()
            h.add_(z)
        return h


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.paths = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])

    def forward(self, x):
        y = torch.empty_like(x)
        for i, path in enumerate(self.paths):
            y[:, 4 * i : 4 * i + 4] = F.relu(path(x[:, 4 * i : 4 * i + 4]), inplace=True)
        x.mul_(0.5)
        return y


@idiom()
class ModulesInModules(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block() for _ in range(2)])

    def forward(self, x):
        h = x * 1.0
        for block in self.blocks:
            h = block(h) + h
        return h


@idiom()
class AliasThroughIdentity(nn.Module):
    def __init__(self):
        super().__init__()
        self.identity = nn.Identity()

    def forward(self, x):
        h = x * 1.0
        y = self.identity(h)
        before = h * 3
        y.add_(1)
        return h + before


@idiom(kSteps)
class LayersWrittenTo(nn.Module):
    """What a layer gave, and what it was given, written to afterwards."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.linear = nn.Linear(8, 8)
        self.gru = nn.GRU(8, 4, batch_first=True)

    def forward(self, x):
        h = x * 1.0
        y = self.norm(h)
        h[:, 0] = 0
        z = self.linear(y)
        part = z[..., :4]
        y.mul_(2)
        z.relu_().add_(h)
        states, last = self.gru(z)
        states[:, 0].zero_()
        return part + states, y, last.squeeze(0)


class Crop(nn.Module):
    def forward(self, x):
        return x[:, 2:6]


@idiom()
class ModuleGivesAView(nn.Module):
    def __init__(self):
        super().__init__()
        self.crop = Crop()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        h = x * 1.0
        part = self.crop(h)
        self.relu(part)
        h += 1
        return torch.cat([h, part], 1)
