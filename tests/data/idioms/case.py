"""How a case is written to its files, and how the files are proven."""

import copy
import sys
import zipfile
import zlib

import numpy
import torch
from torch import Tensor

folder = sys.argv[1]
idioms = {}
kBoth = ("scripted", "traced")
kFlat, kSteps = (8,), (6, 8)


def quantized(x):
    """To T = 6, F = 3: ties to even, saturated."""
    return torch.clamp(torch.round(x * 8), -32, 31) / 8


def tensors(result):
    if isinstance(result, Tensor):
        return [result]
    return [t for part in (result.values() if isinstance(result, dict) else result) for t in tensors(part)]


def run(model, x):
    """The model's outputs; a copy runs, so that each run starts from the state in the file."""
    with torch.no_grad(), torch.jit.optimized_execution(False):
        return [y.clone() for y in tensors(copy.deepcopy(model)(x.clone()))]


def close(a, b):
    return a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=1e-5 * float(b.abs().max()))


def draw(count, shape, seed):
    """Multiples of 1/128: some lie half-way between two multiples of 1/8, and 24 bits with F = 16 change none."""
    return torch.round(torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed)) * 192) / 128


def build(cls, *arguments):
    """The model with weights that its name alone decides."""
    torch.manual_seed(zlib.crc32(cls.__name__.encode()))
    return cls(*arguments).eval().requires_grad_(False)


def without_source_lines(file):
    """Takes the files of source ranges out of the archive: they hold the paths of the machine that wrote it."""
    with zipfile.ZipFile(file) as archive:
        parts = [(info, archive.read(info)) for info in archive.infolist() if not info.filename.endswith(".debug_pkl")]
    with zipfile.ZipFile(file, "w") as archive:
        for info, data in parts:
            info.extra = b""
            archive.writestr(info, data)


def save_forms(name, model, recorded, forms):
    """Saves the model in each form; gives the files by form."""
    files = {form: f"{folder}/{name}.{form}.pt" for form in forms}
    if "scripted" in forms:
        torch.jit.script(copy.deepcopy(model)).save(files["scripted"])
    if "traced" in forms:
        traced = torch.jit.trace(copy.deepcopy(model), recorded, check_trace=False, strict=False)
        # Tracing ran the model once: the file shall hold the state from before.
        before = dict(model.named_buffers())
        for buffer, value in traced.named_buffers():
            value.copy_(before[buffer])
        traced.save(files["traced"])
    for file in files.values():
        without_source_lines(file)
    return files


def save_arrays(name, recorded, x, results):
    """`results`: the outputs by the name under which they are kept."""
    arrays = {"recorded": recorded.half(), "x": x.half()}  # all their digits
    assert torch.equal(x.half().float(), x)
    for key, outputs in results.items():
        arrays.update({key + (f"_{i}" if i else ""): y for i, y in enumerate(outputs)})
    numpy.savez_compressed(f"{folder}/{name}.npz", **{key: value.numpy() for key, value in arrays.items()})


def prove(file, x, expected, sizes):
    """The file, loaded again, gives the outputs whatever part of the samples it is given at once."""
    for size in sizes:
        parts = [run(torch.jit.load(file), part) for part in x.split(size)]
        for i, y in enumerate(expected):
            assert close(torch.cat([part[i] for part in parts]), y), (file, size)


def idiom(shape=kFlat, forms=kBoth, without=None, separable=True):
    """Makes a case of the class below, under its name in small letters."""

    def register(cls):
        name = "".join("_" + c.lower() if c.isupper() else c for c in cls.__name__).lstrip("_")
        seed = zlib.crc32(name.encode())
        model = build(cls)
        recorded, x = draw(6, shape, seed), draw(12, shape, seed + 1)
        expected, coarse = run(model, x), run(model, quantized(x))
        assert all(y.isfinite().all() for y in expected + coarse), name
        assert all(not close(a, b) for a, b in zip(expected, coarse)), f"{name} does not follow its input"
        for file in save_forms(name, model, recorded, forms).values():
            prove(file, x, expected, (12, 5, 1) if separable else (12,))
            prove(file, quantized(x), coarse, (12,))
        save_arrays(name, recorded, x, {"expected": expected, "expected_q6": coarse})
        idioms[name] = {"forms": list(forms), "outputs": len(expected), "separable": separable}
        if without:
            idioms[name]["without"] = without
        return cls

    return register
