"""Writes that are seen through views, through bases, or not at all."""

import torch
from torch import nn

from case import idiom, kSteps


@idiom()
class BaseWrittenViewRead(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 1.5
        v = y[:, 2:5]
        y.add_(1)
        return v * 2


@idiom()
class ViewWrittenBaseRead(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 1.5
        before = y + 0.25
        v = y[:, 2:5]
        v.mul_(2)
        return y + before


@idiom()
class ViewOfAView(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 1.5
        v = y[:, 1:7]
        w = v[:, ::2]
        w.add_(10)
        v.mul_(0.5)
        y[:, 3] = 1
        return y + w.sum(1, keepdim=True) + v[:, :1]


@idiom()
class TwoViewsOfOneBase(nn.Module):
    def forward(self, x):
        h = x * 1.0
        left, right = h[:, :5], h[:, 3:]
        left.mul_(2)
        right.add_(1)
        return left - right


@idiom(kSteps)
class TransposeWritten(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 2
        t = y.transpose(1, 2)
        t[:, 0] = h[:, :, 3]
        t[:, :, 1].add_(1)
        y[:, 2] *= 3
        return y, t * 1.5


@idiom(kSteps)
class PermuteWritten(nn.Module):
    def forward(self, x):
        h = x * 1.0
        p = h.permute(2, 0, 1)
        p[3].sub_(1)
        p[0] = p[1] * p[2]
        return h


@idiom(kSteps)
class DiagonalWritten(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h + 1
        d = y.diagonal(0, 1, 2)
        d.mul_(3)
        y[:, 0].zero_()
        return y + d.sum(1).view(-1, 1, 1)


@idiom(kSteps)
class UnbindWritten(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 2
        parts = y.unbind(1)
        parts[2].add_(5)
        parts[4].copy_(parts[2])
        return y


@idiom()
class ChunksWritten(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 2
        a, b = y.chunk(2, 1)
        a.add_(b)
        b.mul_(a)
        return y


@idiom()
class SplitWritten(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h - 0.5
        parts = torch.split(y, [3, 5], 1)
        parts[0].relu_()
        parts[1].add_(1)
        return y + parts[1].sum(1, keepdim=True)


@idiom()
class ExpandRead(nn.Module):
    def forward(self, x):
        h = x * 1.0
        base = h[:, :1].clone()
        wide = base.expand(-1, 8)
        base.mul_(2)
        return wide + h


@idiom(kSteps)
class ReshapeThatIsAView(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 2
        r = y.reshape(h.size(0), 48)
        r[:, :10] = 0
        f = y.flatten(1)
        f[:, 20:30].add_(1)
        v = y.view(h.size(0), 2, 24)
        v[:, 1, ::3].neg_()
        return y


@idiom(kSteps)
class ReshapeThatIsACopy(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 2
        r = y.transpose(1, 2).reshape(h.size(0), 48)
        r.add_(100)
        y.mul_(0.5)
        return y + r.sum(1).view(-1, 1, 1) * 0.001


@idiom(kSteps)
class ContiguousOrNot(nn.Module):
    def forward(self, x):
        h = x * 1.0
        same = h.contiguous()
        same.add_(1)
        other = h.transpose(1, 2).contiguous()
        other.mul_(2)
        same.to(torch.float32).sub_(0.5)
        return h, other


@idiom()
class AsStrided(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 2
        v = y.as_strided([h.size(0), 4], [8, 2], 1)
        v.mul_(3)
        y[:, :3] += 1
        return y, v + 1


@idiom()
class UnfoldRead(nn.Module):
    """Windows that overlap, read after their base was written."""

    def forward(self, x):
        h = x * 1.0
        windows = h.unfold(1, 4, 2)
        h.mul_(2)
        h[:, 2] = 1
        return windows.sum(-1)


@idiom(kSteps)
class SelectAndNarrow(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 2
        y.select(1, 3).mul_(2)
        y.narrow(2, 1, 3).sub_(h.narrow(2, 4, 3))
        return y.movedim(1, 2) + y.select(1, 0).unsqueeze(2)


@idiom()
class SwapThroughClone(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 2
        t = y[:, :4].clone()
        y[:, :4] = y[:, 4:]
        y[:, 4:] = t
        return y


@idiom()
class SwapWithoutClone(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 2
        t = y[:, :4]
        y[:, :4] = y[:, 4:]
        y[:, 4:] = t + 1
        return y + t.sum(1, keepdim=True)


@idiom()
class DetachAndClone(nn.Module):
    def forward(self, x):
        h = x * 1.0
        kept = h.clone()
        alias = h.detach()
        alias.mul_(2)
        kept[:, 0] = 0
        return h + kept


@idiom()
class InputWritten(nn.Module):
    def forward(self, x):
        x.mul_(2.0)
        h = x + 1
        x.relu_()
        return h - x


@idiom(kSteps)
class InputWrittenTransposed(nn.Module):
    def forward(self, x):
        x.transpose(1, 2).mul_(2.0)
        y = x + 1
        x[:, 0] = 3
        return y + x


@idiom(kSteps)
class ShapesInPlace(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h.clone()
        y.unsqueeze_(1)
        y.transpose_(2, 3)
        y.squeeze_(1)
        y.mul_(2)
        y[:, 0] = h[:, :, 0]
        return y


@idiom()
class TransposedInPlace(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h + 0.5
        y.t_()
        y[0].add_(1)
        y[3:5] = y[1:3] * 2
        y.t_()
        return y + h


@idiom()
class OutputsShared(nn.Module):
    """Outputs that are one tensor, or a part of it."""

    def forward(self, x):
        h = x * 1.0
        y = h * 2
        z = y[:, 2:6]
        y[:, 3] = h[:, 0]
        return y, y, z


@idiom(kSteps)
class BufferThroughViews(nn.Module):
    """A buffer that is written to only through views that were taken of it while it was empty."""

    def forward(self, x):
        h = x * 1.0
        y = torch.zeros(h.size(0), 6, 8)
        rows = y.unbind(1)
        flat = y.view(h.size(0), 48)
        last = y.transpose(1, 2)[:, 7]
        for i in range(0, 6, 2):
            rows[i].copy_(h[:, i])
        flat[:, 8:12] = h[:, 3, :4]
        last.add_(1)
        return flat * 2, y
