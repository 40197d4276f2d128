"""State that a model keeps, weights that it computes from, constants that it changes."""

from typing import List

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from case import idiom, kSteps


@idiom()
class StateInPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.ones(1))

    def forward(self, x):
        h = x * 1.0
        y = h * self.count
        self.count.add_(1)
        z = h * self.count
        self.count.mul_(3)
        return y + z * 10 + self.count


@idiom(forms=("scripted",), without="a trace records no assignment to an attribute")
class StateReassigned(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("state", torch.full((1, 8), 2.0))

    def forward(self, x):
        h = x * 1.0
        y = h * self.state
        self.state = self.state + h
        return y - self.state


@idiom(separable=False)
class StateAccumulates(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.full((8,), 0.5))

    def forward(self, x):
        h = x * 1.0
        self.total.add_(h.sum(0))
        return h * self.total


@idiom(forms=("scripted",), without="a trace has no lists among its attributes")
class StateInAList(nn.Module):
    history: List[Tensor]

    def __init__(self):
        super().__init__()
        self.history = []

    def forward(self, x):
        h = x * 1.0
        for i in range(3):
            self.history.append(h * (i + 1))
            h = torch.stack(self.history, 0).sum(0)
        return h


@idiom()
class TiedWeights(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(8, 5)
        self.decoder = nn.Linear(5, 8, bias=False)
        self.weight = nn.Parameter(torch.randn(8, 8))

    def forward(self, x):
        h = x * 1.0
        z = torch.relu(self.encoder(h))
        y = F.linear(z, self.encoder.weight.t()) + self.decoder(z)
        return torch.matmul(torch.matmul(y, self.weight), self.weight.t())


@idiom()
class TiedEmbedding(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 8)
        self.register_buffer("ids", torch.arange(3))

    def forward(self, x):
        h = x * 1.0
        y = h + self.embedding(self.ids).sum(0)
        return F.linear(y, self.embedding.weight)


@idiom()
class WeightNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.g = nn.Parameter(torch.rand(5, 1) + 0.5)
        self.v = nn.Parameter(torch.randn(5, 8))

    def forward(self, x):
        h = x * 1.0
        weight = self.g * self.v / self.v.norm(2, 1, True)
        return F.linear(h, weight)


@idiom()
class SpectralNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 8))
        self.register_buffer("u", torch.randn(5))
        self.register_buffer("v", torch.randn(8))

    def forward(self, x):
        h = x * 1.0
        self.v.copy_(torch.mv(self.weight.t(), self.u))
        self.v.div_(self.v.norm())
        self.u.copy_(torch.mv(self.weight, self.v))
        self.u.div_(self.u.norm())
        sigma = torch.dot(self.u, torch.mv(self.weight, self.v))
        return F.linear(h, self.weight / sigma)


@idiom()
class WeightChangedAfterUse(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.randn(8, 8))

    def forward(self, x):
        h = x * 1.0
        a = F.linear(h, self.weight)
        self.weight.mul_(0.5)
        self.weight[0] = 1
        return a + F.linear(h, self.weight)


@idiom()
class ConstantChangedAfterUse(nn.Module):
    def forward(self, x):
        h = x * 1.0
        c = torch.ones(8)
        a = h + c
        c.mul_(3)
        c[2:4] = -1
        return a + h * c


@idiom()
class ConstantChangedInALoop(nn.Module):
    def forward(self, x):
        h = x * 1.0
        c = torch.zeros(8)
        y: List[Tensor] = []
        for i in range(3):
            y.append(h * c)
            c.add_(1)
            c[i] = 5
        return torch.stack(y, 1)


@idiom()
class ConstantBecomesComputed(nn.Module):
    """A constant that takes in what depends on the input, and a view of it that was taken before."""

    def forward(self, x):
        h = x * 1.0
        c = torch.ones(h.size(0), 8)
        v = c[:, 2:6]
        a = h + c
        c.add_(h)
        return a + v.sum(1, keepdim=True)


@idiom()
class Embeddings(nn.Module):
    def __init__(self):
        super().__init__()
        self.position = nn.Embedding(6, 8)
        self.kind = nn.Embedding(2, 8)
        self.register_buffer("ids", torch.tensor([0, 1, 2, 3]))

    def forward(self, x):
        h = (x * 1.0).unsqueeze(1)
        y = self.position(self.ids) + self.kind(torch.zeros_like(self.ids))
        y = h + y
        y[:, 0] += self.kind(torch.ones_like(self.ids[0]))
        return y


@idiom()
class WeightParts(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(12, 8))
        self.bias = nn.Parameter(torch.randn(12))

    def forward(self, x):
        h = x * 1.0
        q, k, v = self.weight.chunk(3)
        y = F.linear(h, q, self.bias[:4]) * F.linear(h, k, self.bias[4:8])
        return y + torch.matmul(h, v.t()) + self.bias[8:]


@idiom()
class CopyOfState(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.randn(8))

    def forward(self, x):
        h = x * 1.0
        mine = self.table.clone()
        mine[0] = 5
        wide = self.table.expand(h.size(0), 8).clone()
        wide.mul_(h)
        wide[:, 1:3].copy_(mine[1:3])
        return wide + h * self.table + mine


@idiom(kSteps, forms=("scripted",), without="a trace records no assignment to an attribute")
class RingBuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("past", torch.randn(1, 3, 8))

    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        for t in range(h.size(1)):
            past = self.past.expand(h.size(0), 3, 8)
            self.past = torch.cat([past[:, 1:], h[:, t : t + 1]], 1)
            y[:, t] = self.past.mean(1)
        return y
