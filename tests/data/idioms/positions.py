"""Caches of keys and values, tables of positions, recurrences written by hand."""

import math
from typing import List

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from case import idiom, kSteps


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Linear(8, 4)
        self.key = nn.Linear(8, 4)
        self.value = nn.Linear(8, 4)


@idiom(kSteps)
class CachePreallocated(Heads):
    def forward(self, x):
        h = x * 1.0
        keys = torch.zeros(h.size(0), 6, 4)
        values = torch.zeros(h.size(0), 6, 4)
        y = torch.zeros(h.size(0), 6, 4)
        for t in range(6):
            keys[:, t] = self.key(h[:, t])
            values[:, t] = self.value(h[:, t])
            scores = (self.query(h[:, t]).unsqueeze(1) * keys[:, : t + 1]).sum(-1).softmax(-1)
            y[:, t] = (scores.unsqueeze(-1) * values[:, : t + 1]).sum(1)
        return y


@idiom(kSteps)
class CacheInAList(Heads):
    def forward(self, x):
        h = x * 1.0
        keys: List[Tensor] = []
        values: List[Tensor] = []
        y: List[Tensor] = []
        for t in range(6):
            keys.append(self.key(h[:, t]))
            values.append(self.value(h[:, t]))
            k, v = torch.stack(keys, 1), torch.stack(values, 1)
            scores = (self.query(h[:, t]).unsqueeze(1) * k).sum(-1).softmax(-1)
            y.append(torch.bmm(scores.unsqueeze(1), v).squeeze(1))
        return torch.stack(y, 1)


@idiom(kSteps)
class CacheByCat(Heads):
    def forward(self, x):
        h = x * 1.0
        keys = torch.zeros(h.size(0), 0, 4)
        y = torch.zeros(h.size(0), 0, 6)
        for t in range(6):
            keys = torch.cat([keys, self.key(h[:, t : t + 1])], 1)
            scores = torch.matmul(self.query(h[:, t : t + 1]), keys.transpose(1, 2))
            y = torch.cat([y, F.pad(scores, [0, 5 - t])], 1)
        return y


@idiom(kSteps)
class CacheInABuffer(Heads):
    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.zeros(16, 6, 4))

    def forward(self, x):
        h = x * 1.0
        for t in range(6):
            self.cache[: h.size(0), t] = self.key(h[:, t])
        return torch.matmul(self.query(h), self.cache[: h.size(0)].transpose(1, 2))


@idiom(kSteps)
class SinusoidsInForward(nn.Module):
    def forward(self, x):
        h = x * 1.0
        position = torch.arange(h.size(1)).unsqueeze(1)
        step = torch.exp(torch.arange(0, 8, 2) * (-math.log(10000.0) / 8))
        table = torch.zeros(h.size(1), 8)
        table[:, 0::2] = torch.sin(position * step)
        table[:, 1::2] = torch.cos(position * step)
        return h + table


@idiom(kSteps)
class SinusoidsInABuffer(nn.Module):
    def __init__(self):
        super().__init__()
        position = torch.arange(16).unsqueeze(1)
        step = torch.exp(torch.arange(0, 8, 2) * (-math.log(10000.0) / 8))
        table = torch.zeros(16, 8)
        table[:, 0::2] = torch.sin(position * step)
        table[:, 1::2] = torch.cos(position * step)
        self.register_buffer("table", table.unsqueeze(0))

    def forward(self, x):
        h = x * 1.0
        h += self.table[:, : h.size(1)]
        return h * 2


@idiom(kSteps)
class RotaryPositions(nn.Module):
    def forward(self, x):
        h = x * 1.0
        angle = torch.arange(6).unsqueeze(1) * torch.tensor([1.0, 0.1, 0.01, 0.001])
        even, odd = h[..., ::2], h[..., 1::2]
        y = torch.empty_like(h)
        y[..., ::2] = even * angle.cos() - odd * angle.sin()
        y[..., 1::2] = even * angle.sin() + odd * angle.cos()
        return y


@idiom(kSteps)
class CausalMask(Heads):
    def forward(self, x):
        h = x * 1.0
        mask = torch.full((6, 6), -30.0)
        mask.triu_(1)
        scores = torch.matmul(self.query(h), self.key(h).transpose(1, 2))
        scores.mul_(0.5).add_(mask)
        scores[:, torch.ones(6, 6).tril_() == 0] = -30.0
        return torch.matmul(scores.softmax(-1), self.value(h))


@idiom(kSteps)
class RecurrenceByHand(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(8, 4)
        self.keep = nn.Linear(4, 4)

    def forward(self, x):
        h = x * 1.0
        state = torch.zeros(h.size(0), 4)
        y = torch.zeros(h.size(0), 6, 4)
        for t in range(6):
            state = torch.tanh(self.enter(h[:, t]) + self.keep(state))
            y[:, t] = state
        return y, state


@idiom(kSteps)
class GatesInPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.gates = nn.Linear(8, 12)

    def forward(self, x):
        h = x * 1.0
        cell = torch.zeros(h.size(0), 4)
        y: List[Tensor] = []
        for t in range(6):
            i, f, g = self.gates(h[:, t]).chunk(3, 1)
            cell.mul_(f.sigmoid_()).add_(i.sigmoid_() * g.tanh_())
            y.append(cell.clone())
        return torch.stack(y, 1), cell
