"""Models that have tests of their own: time along dimension 0, shapes that depend on values, paths, samples that are
not finite, constant indices, rows that are not samples."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from case import build, draw, kBoth, kFlat, kSteps, prove, quantized, run, save_arrays, save_forms

cases = {}


def add(kind, name, model, shape=kFlat, forms=kBoth, count=12, first=(), outputs=None, **more):
    """Writes the case's files, and its entry among those of its kind in cases.json. `first`: the first values of x.
    `outputs`: further ones on x, each by its name from a model that stands in for this one."""
    seed = 7 * len(name)
    recorded, x = draw(6, shape, seed), draw(count, shape, seed + 1)
    x.view(-1)[: len(first)] = torch.tensor(first)
    results = {"expected": run(model, x), "expected_q6": run(model, quantized(x))}
    results.update({key: run(other, x) for key, other in (outputs or {}).items()})
    for file in save_forms(name, model, recorded, forms).values():
        prove(file, x, results["expected"], (count,))
    save_arrays(name, recorded, x, results)
    cases.setdefault(kind, {})[name] = {"forms": list(forms), "outputs": len(results["expected"]), **more}


# --- Dimension 0 is time


class CumulativeSum(nn.Module):
    def forward(self, x):
        h = x * 1.0
        return torch.cumsum(h, 0)


class Delay(nn.Module):
    """The first rows are what they are alone; later ones take in the row `steps` before."""

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps

    def forward(self, x):
        h = x * 1.0
        y = h.clone()
        y[self.steps :] += h[: -self.steps]
        return y


class TimeFirstGru(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(8, 5)

    def forward(self, x):
        h = x * 1.0
        return self.gru(h)[0]


add("time_first", "time_cumsum", build(CumulativeSum))
add("time_first", "time_delay", build(Delay, 1))
add("time_first", "time_delay_of_five", build(Delay, 5))
add("time_first", "time_gru", build(TimeFirstGru), (3, 8))
add("time_first", "time_gru_unbatched", build(TimeFirstGru))


# --- Shapes that depend on values


class SelectedSum(nn.Module):
    def forward(self, x):
        h = x * 1.0
        return h * h[h > 0].sum()


class SelectedMean(nn.Module):
    def forward(self, x):
        h = x * 1.0
        return h - torch.masked_select(h, h > 0.5).mean()


class SelectedAssigned(nn.Module):
    def forward(self, x):
        h = x * 1.0
        y = h.clone()
        mask = h < 0
        y[mask] = (h * 0.1)[mask]
        return y


class SelectedReturned(nn.Module):
    def forward(self, x):
        h = x * 1.0
        return h[h > 0] * 2


class Nonzero(nn.Module):
    def forward(self, x):
        h = x * 1.0
        places = torch.nonzero(h > 0.1)
        y = torch.zeros_like(h)
        y[places[:, 0], places[:, 1]] = 1.0
        return y + h


class WhereOfOne(nn.Module):
    def forward(self, x):
        h = x * 1.0
        places = torch.where(h > 0.1)
        y = torch.zeros_like(h)
        y[places[0], places[1]] = 2.0
        return y + h


class Repeated(nn.Module):
    def forward(self, x):
        h = x * 1.0
        counts = (h[0] > 0.1).to(torch.int64) + 1
        return h * torch.repeat_interleave(h, counts, 1).sum(1, keepdim=True)


# The format of 6 bits takes the first below 0 < h and the second below 0.5 < h, and the third over 0.1 < h. Where an
# operator with a slot of its own then has more or fewer values than in float, there is nothing to compare: an error.
for cls in (SelectedSum, SelectedMean, SelectedReturned, SelectedAssigned, Nonzero, WhereOfOne, Repeated):
    name = "".join("_" + c.lower() if c.isupper() else c for c in cls.__name__)
    add("value_shapes", "values" + name, build(cls), first=(1 / 32, 17 / 32, 3 / 32),
        error=cls in (SelectedSum, SelectedMean, SelectedReturned))


# --- Paths


class FunctionalBesideModule(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.first = nn.Parameter(torch.randn(8, 8))
        self.last = nn.Parameter(torch.randn(8, 8))

    def forward(self, x):
        h = x * 1.0
        y = F.linear(h, self.first)
        return F.linear(self.linear(y), self.last)


class ModuleNamedAsOperator(nn.Module):
    def __init__(self):
        super().__init__()
        self.add = nn.Linear(8, 8)
        self.tanh = nn.Tanh()

    def forward(self, x):
        h = x * 1.0
        y = torch.tanh(h) + self.add(h)
        return self.tanh(y) + h


class SecondMethod(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = Part()

    def forward(self, x):
        h = x * 1.0
        y = self.part(h + 1)
        return self.helper(self.part.other(y)) + 1

    def helper(self, y: Tensor) -> Tensor:
        return y * 2 + 3


class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x):
        return self.linear(x + 1) * 2

    @torch.jit.export
    def other(self, x: Tensor) -> Tensor:
        return (x + 5) * 3


class TwoParametersOfOneName(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.LayerNorm(8)
        self.b = nn.LayerNorm(8)
        nn.init.normal_(self.a.weight)
        nn.init.normal_(self.b.weight)

    def forward(self, x):
        h = x * 1.0
        return torch.addcmul(h, self.a.weight, self.b.weight) + self.a(self.b(h))


class ParameterNamedAsSlot(nn.Module):
    """Parameters with the names that an operator's own slots have."""

    def __init__(self):
        super().__init__()
        self.input = nn.Parameter(torch.randn(8))
        self.activation = nn.Parameter(torch.randn(8))
        self.input_0 = nn.Parameter(torch.randn(8))

    def forward(self, x):
        h = x * 1.0
        y = h + self.input
        y = y - self.activation
        return torch.addcmul(h, y, self.input_0)


# How many layers there are, and how many of their slots hold parameters: two under one path would be one.
for cls, layers, parameters in ((FunctionalBesideModule, 4, 4), (ModuleNamedAsOperator, 6, 2), (SecondMethod, 10, 2),
                                (TwoParametersOfOneName, 5, 6), (ParameterNamedAsSlot, 4, 3)):
    name = "".join("_" + c.lower() if c.isupper() else c for c in cls.__name__)
    add("paths", "paths" + name, build(cls), forms=("scripted",) if cls is SecondMethod else kBoth, layers=layers,
        parameters=parameters)


# --- Samples that are not finite


class Recognised(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.gru = nn.GRU(8, 4, batch_first=True)
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        h = x * 1.0
        y = self.attention(h, h, h, need_weights=False)[0]
        return self.linear(torch.relu(self.gru(self.norm(y))[0]))


add("nan_samples", "not_finite", build(Recognised), kSteps, count=6,
    layers={"mul": "mul", "attention": "multihead_attention", "norm": "layer_norm", "gru": "gru", "relu": "relu",
            "linear": "linear"})


# --- Tables looked up with indices that are constants


class Tables(nn.Module):
    def __init__(self):
        super().__init__()
        self.position = nn.Embedding(10, 8)
        self.kind = nn.Embedding(2, 8)
        self.register_buffer("ids", torch.arange(10).unsqueeze(0))

    def forward(self, x):
        h = x * 1.0
        ids = self.ids[:, : h.size(1)]
        return h + self.kind(torch.zeros_like(ids)) + self.position(ids)


class TablesFirst(Tables):
    """The tables meet each other before they meet what is computed."""

    def forward(self, x):
        h = x * 1.0
        table = self.position(torch.arange(h.size(1))) + self.kind(torch.ones(h.size(1), dtype=torch.long))
        return h + table


for name, cls in {"tables": Tables, "tables_first": TablesFirst}.items():
    coarse = build(cls)
    for table in (coarse.position, coarse.kind):
        table.weight.copy_(quantized(table.weight))
    add("constant_embedding", name, build(cls), kSteps, outputs={"expected_weights_q6": coarse},
        slots=["position.weight", "kind.weight"])


# --- Rows of the outputs that are not samples


class Rows(nn.Module):
    def __init__(self, rows: int):
        super().__init__()
        self.linear = nn.Linear(8, 4)
        self.rows = rows

    def forward(self, x):
        h = x * 1.0
        y = self.linear(h)
        if self.rows == 0:
            return y.view(-1, 4)
        return y.mean(1)[: self.rows]


add("accuracy_rows", "rows_by_step", build(Rows, 0), kSteps, accuracy=False)
add("accuracy_rows", "rows_too_few", build(Rows, 2), kSteps, accuracy=False)
add("accuracy_rows", "rows_by_sample", build(Rows, 1000), kSteps, accuracy=True)
