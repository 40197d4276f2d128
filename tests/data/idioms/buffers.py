"""Buffers that are filled part by part."""

import torch
from torch import nn

from case import idiom, kSteps


@idiom()
class BufferBySlices(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        y[:, :4] = h[:, 4:] * 2
        y[:, 4:] = h[:, :4]
        return y


@idiom()
class BufferPartlyFilled(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.ones(h.size(0), 8)
        y[:, 2:5] = h[:, :3]
        return y


@idiom(kSteps)
class BufferByRows(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        y[:, 0] = h[:, 5]
        y[:, 1] = h[:, 0] - h[:, 1]
        y[:, -1] = y[:, 0] * 2
        return y


@idiom()
class BufferByStrides(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.ones_like(h)
        y[:, ::2] = h[:, 1::2]
        y[:, 1::2] *= 3
        y[:, 1::4] += h[:, ::4]
        return y


@idiom()
class BufferInALoop(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.zeros(h.size(0), 8)
        for i in range(8):
            y[:, i] = h[:, 7 - i] + i
        return y


@idiom()
class BufferOverlappingSlices(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        y[:, :5] = h[:, :5]
        y[:, 3:] = h[:, 3:] * 2
        y[:, 2:6] = y[:, 2:6] + 1
        return y


@idiom((2, 4, 4))
class BufferBorder(nn.Module):
    """A feature map put into a larger one, as padding by hand does."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)

    def forward(self, x):
        h = x * 1.0
        y = h.new_zeros(h.size(0), 2, 6, 6)
        y[..., 1:-1, 1:-1] = h
        y[..., 0, :] = y[..., 1, :]
        return self.conv(y)


@idiom(forms=("scripted",), without="a trace fixes the number of samples")
class BufferBySamples(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        for i in range(h.size(0)):
            y[i] = h[i] * 2
        return y


@idiom()
class BufferZeroedInALoop(nn.Module):
    def forward(self, x):
        h = x * 1.0
        part = torch.zeros_like(h)
        total = torch.zeros_like(h)
        for i in range(3):
            part.zero_()
            part[:, i : i + 3] = h[:, :3] * (i + 1)
            total = total + part
        return total + part


@idiom()
class EmptyThenFilled(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.empty_like(h)
        y.fill_(2.0)
        y[:, :4] = h[:, :4]
        z = torch.empty(h.size(0), 8)
        z[:, :3] = h[:, 5:]
        z[:, 3:] = y[:, 3:]
        return y + z


@idiom(kSteps)
class PrefixSumsInPlace(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h.clone()
        for i in range(1, 6):
            y[:, i] += y[:, i - 1]
        return y


@idiom()
class ShiftedCopy(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 2
        y[:, 1:] = y[:, :-1].clone()
        y[:, 0] = 0
        return y - h


@idiom()
class FunctionalScatters(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.slice_scatter(torch.zeros_like(h), h[:, :4] * 2, 1, 2, 6)
        z = torch.select_scatter(y, h[:, 7], 1, 0)
        return y + z
