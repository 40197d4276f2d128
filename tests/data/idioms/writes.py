"""Every operator that writes into one of its arguments."""

import torch
from torch import nn
from torch.nn import functional as F

from case import idiom


@idiom()
class CopyInto(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.ones_like(h)
        y[:, 2:6].copy_(h[:, :4])
        z = torch.empty_like(h)
        z.copy_(y)
        y.copy_(h[:, :1])
        return z * 2 + y


@idiom()
class FillInto(nn.Module):
    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(0.3))

    def forward(self, x):
        h = x * 1.0
        y = h.clone()
        y[:, 3].fill_(0.5)
        y[:, 5:].zero_()
        y[:, 0].fill_(self.level)
        return y + h


@idiom()
class MaskedFill(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h.clone()
        y.masked_fill_(y < 0, -1.0)
        y[:, 4:].masked_fill_(h[:, :4] > 1, 0.25)
        return y + h


@idiom()
class BooleanAssignScalar(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 2
        y[y > 0.5] = 0.25
        return y - h


@idiom()
class BooleanAssignTensor(nn.Module):
    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(-0.7))

    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        y[h < 0] = self.level
        y[:, 2:4][h[:, 2:4] > 0] = self.level * 2
        return y


@idiom()
class IndexPut(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("order", torch.tensor([3, 1, 7, 0, 2, 6, 5, 4]))

    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        y[:, self.order] = h
        z = h + 1
        z[:, self.order[:2]] = y[:, :2]
        return y * 2 + z


@idiom()
class IndexPutAccumulate(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("columns", torch.tensor([3, 1, 3, 0, 2, 3, 1, 4]))

    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        rows = torch.arange(h.size(0)).unsqueeze(1)
        y.index_put_([rows, self.columns], h, accumulate=True)
        return y


@idiom()
class Scatter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("order", torch.tensor([[3, 1, 7, 0, 2, 6, 5, 4]]))

    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        index = self.order.expand(h.size(0), 8)
        y.scatter_(1, index, h)
        y.scatter_(1, index[:, :1], 0.5)
        return y


@idiom()
class ScatterAdd(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("columns", torch.tensor([[3, 1, 3, 0, 2, 3, 1, 4]]))

    def forward(self, x):
        h = x * 1.0
        y = h * 0.5
        y.scatter_add_(1, self.columns.expand(h.size(0), 8), h)
        return y


@idiom()
class ScatterAtValues(nn.Module):
    """The place that is written depends on the values: one-hot of the largest."""

    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        y.scatter_(1, h.argmax(1, keepdim=True), 1.0)
        return y * h


@idiom()
class IndexAdd(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("columns", torch.tensor([3, 1, 3, 0, 2, 3, 1, 4]))

    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        y.index_add_(1, self.columns, h)
        y.index_add_(1, self.columns, h, alpha=-0.5)
        return y


@idiom()
class IndexCopyAndFill(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("order", torch.tensor([3, 1, 7, 0]))

    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        y.index_copy_(1, self.order, h[:, :4])
        z = y + h
        z.index_fill_(1, self.order[:2], 0.75)
        return y + z


@idiom()
class InPlaceChain(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h.clone()
        y.add_(1).mul_(2).sub_(0.5).div_(3)
        z = y.clamp_(-1, 1)
        y.sigmoid_()
        return z + h


@idiom()
class InPlaceOnAView(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 1.5
        y[:, 2:6].add_(h[:, :4]).mul_(2).clamp_(-1, 2)
        y[:, 5:].sub_(h[:, :3]).tanh_()
        return y


@idiom()
class InPlaceOfThree(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h.clone()
        y.addcmul_(h, h, value=0.5)
        y.addcdiv_(h, h.abs() + 1, value=0.25)
        y.lerp_(h, 0.3)
        y.pow_(2).add_(1).sqrt_().neg_()
        return y


@idiom()
class InPlaceFunctions(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h + 0
        F.leaky_relu(y[:, :3], 0.1, inplace=True)
        F.hardtanh(y[:, 3:5], -0.5, 0.5, inplace=True)
        F.elu(y[:, 5:], inplace=True)
        z = F.relu6(y[:, 2:6], inplace=True)
        return y * h + z.sum(1, keepdim=True)


@idiom()
class OutArguments(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.empty_like(h)
        torch.add(h, h, out=y)
        z = y * 1.5
        torch.mul(y, h, out=y)
        return y + z


@idiom()
class OutArgumentsAView(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        torch.sub(h[:, :4], h[:, 4:], out=y[:, 2:6])
        return y


@idiom()
class AugmentedAssignment(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h
        y += 1
        y *= h
        y -= 0.5
        y /= 2
        return h


@idiom()
class MasksInPlace(nn.Module):
    def forward(self, x):
        h = x * 1.0
        mask = h > 0
        mask[:, 0] = True
        mask |= h < -1
        mask[:, 4:].logical_not_()
        y = h * mask
        mask &= h > 0.5
        return torch.where(mask, y + 1, y - 1)


@idiom()
class CountersInPlace(nn.Module):
    def forward(self, x):
        h = x * 1.0
        count = torch.ones(h.size(0), dtype=torch.long)
        count += (h > 0).sum(1)
        places = torch.zeros_like(h, dtype=torch.long)
        places[:, 1:] = h[:, :-1].abs().long()
        return h / count.unsqueeze(1) + places


@idiom()
class SortedAndGathered(nn.Module):
    def forward(self, x):
        h = x * 1.0
        values, places = h.sort(1)
        largest, where = h.max(1, keepdim=True)
        y = h.gather(1, (places + 1) % 8)
        values[:, 0] = 0
        y.scatter_(1, where, largest * 2)
        return y + values + h.topk(3, 1)[0].sum(1, keepdim=True)


@idiom()
class IndicesComputed(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 8)

    def forward(self, x):
        h = x * 1.0
        places = (h[:, :3].abs() * 2).long().clamp_(0, 9)
        y = self.table(places)
        y[:, 0] += h
        return y
