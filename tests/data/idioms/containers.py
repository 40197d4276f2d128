"""Tensors in lists, dictionaries and tuples; loops and branches."""

from typing import Dict, List, Optional, Tuple

import torch
from torch import Tensor, nn

from case import idiom, kSteps


@idiom()
class AppendAfterCat(nn.Module):
    def forward(self, x):
        h = x * 1.0
        features = [h]
        a = torch.cat(features, 1)
        features.append(a * 0.5)
        b = torch.cat(features, 1)
        return a, b


@idiom()
class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8 + 4 * i, 4) for i in range(3)])

    def forward(self, x):
        h = x * 1.0
        features = [h]
        for layer in self.layers:
            features.append(torch.relu(layer(torch.cat(features, 1))))
        return torch.cat(features, 1)


@idiom()
class ListChanged(nn.Module):
    def forward(self, x):
        h = x * 1.0
        parts = [h, h * 2, h * 3]
        a = torch.cat(parts, 1)
        parts[1] = parts[0] + 1
        parts[0], parts[2] = parts[2], parts[0]
        b = torch.stack(parts, 1)
        last = parts.pop()
        parts.insert(0, last * 4)
        parts.reverse()
        return a, b, torch.cat(parts, 1)


@idiom()
class ListElementsWritten(nn.Module):
    def forward(self, x):
        h = x * 1.0
        parts = [h, h * 2, h[:, :4]]
        together = torch.cat(parts, 1)
        for part in parts:
            part.add_(1)
        return torch.cat(parts, 1) + together


@idiom()
class ListsShared(nn.Module):
    def forward(self, x):
        h = x * 1.0
        a = [h]
        b = a
        b.append(h * 2)
        c = a + [h * 3]
        b.append(h * 4)
        nested = [a, c]
        return torch.cat(nested[0], 1), torch.cat(nested[1], 1)


@idiom()
class StackOfAList(nn.Module):
    def forward(self, x):
        h = x * 1.0
        rows = [h[:, i] * i for i in range(1, 8)]
        y = torch.stack(rows, 1)
        rows[0].mul_(10)
        return y + rows[0].unsqueeze(1)


@idiom()
class Dictionary(nn.Module):
    def forward(self, x):
        h = x * 1.0
        d: Dict[str, Tensor] = {"a": h, "b": h * 2}
        d["c"] = d["a"] - 1
        before = d["b"] + d["c"]
        d["b"].add_(3)
        d.update({"a": h * 0.5})
        total = before * 0.5
        for key, value in d.items():
            total = total * 0.5 + value
        return total, d["a"]


@idiom()
class DictionaryReturned(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h * 2
        result: Dict[str, Tensor] = {"first": y}
        y.add_(1)
        result["second"] = h - y
        return result


@idiom()
class Tuples(nn.Module):
    def halves(self, h: Tensor) -> Tuple[Tensor, Tensor]:
        return h[:, :4], h[:, 4:]

    def forward(self, x):
        h = x * 1.0
        a, b = self.halves(h)
        a, b = b, a
        a.mul_(2)
        pair = (a, b)
        c, d = self.halves(torch.cat(pair, 1))
        return h, (c + pair[0], d)


@idiom()
class WhileLoop(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        i = 0
        while i < h.size(1):
            y = y + h[:, i : i + 1] * i
            y[:, i] = h[:, i]
            i += 2
        return y


@idiom()
class ExchangedInALoop(nn.Module):
    def forward(self, x):
        h = x * 1.0
        a, b = h[:, :4], h[:, 4:]
        for i in range(3):
            a, b = b, a + b * 0.5
            a[:, 0] = i
        return torch.cat([a, b], 1), h


@idiom()
class OptionalState(nn.Module):
    def forward(self, x):
        h = x * 1.0
        state: Optional[Tensor] = None
        for i in range(4):
            part = h[:, 2 * i : 2 * i + 2]
            if state is None:
                state = part
            else:
                state = state * 0.5 + part
        assert state is not None
        return state


@idiom()
class EarlyReturn(nn.Module):
    def forward(self, x):
        h = x * 1.0
        if h.size(1) > 4:
            h.add_(1)
            return h * 2
        return h * 3


@idiom(kSteps)
class ShapeArithmetic(nn.Module):
    def forward(self, x):
        h = x * 1.0
        half = h.size(1) // 2
        y = h.view(h.size(0), half, -1)
        z = h.new_zeros(h.size(0), half, h.shape[2] * 2 + 1)
        z[:, :, : h.shape[2] * 2] = y
        z[:, :, -1] = half
        return z


@idiom()
class Where(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.where(h > 0, h, h * 0.1)
        h.neg_()
        return y + torch.where(h > 0, y, h)


@idiom(kSteps)
class Einsum(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.einsum("nif,njf->nij", h, h)
        h.mul_(2)
        return torch.einsum("nij,njf->nif", y, h)


@idiom()
class ListsSliced(nn.Module):
    def forward(self, x):
        h = x * 1.0
        parts = [h * i for i in range(1, 4)]
        parts.extend([h + 1, h + 2])
        kept = parts.copy()
        del parts[0]
        y = torch.stack(parts[1:], 1)
        for a, b in zip(kept, parts):
            a.sub_(b)
        parts.clear()
        parts.append(torch.cat(kept[::2], 1))
        return y, parts[0], torch.stack(kept, 1)


@idiom()
class ListAsArgument(nn.Module):
    def push(self, parts: List[Tensor], y: Tensor) -> None:
        parts.append(y * 2)
        parts[0] = parts[0] + y

    def forward(self, x):
        h = x * 1.0
        parts = [h]
        for i in range(2):
            self.push(parts, torch.cat(parts, 1)[:, -8:] + i)
        return torch.cat(parts, 1)


@idiom()
class LoopWithBreak(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = torch.zeros_like(h)
        for i in range(8):
            if i % 3 == 1:
                continue
            if i > 5:
                break
            y[:, i:] += h[:, i : i + 1]
        return y


@torch.jit.script
class Store:
    def __init__(self, first: Tensor):
        self.value = first
        self.parts = [first]

    def put(self, y: Tensor) -> None:
        self.value = self.value * 0.5 + y
        self.parts.append(self.value)


@idiom(forms=("scripted",), without="a trace sees through objects of a script: what is left is a list")
class ObjectOfAScript(nn.Module):
    def forward(self, x):
        h = x * 1.0
        store = Store(h)
        for i in range(3):
            store.put(torch.cat(store.parts, 1)[:, :8] + i)
            store.value[:, i] = 0
        return store.value, torch.cat(store.parts, 1)
