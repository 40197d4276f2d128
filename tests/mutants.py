#!/usr/bin/env python3
"""mutants.py FXP COUNT [--seed N] [--jobs N] [--keep FOLDER] [FILE…]: damages model files (those of tests/data by
default) in COUNT ways and lets `fxp info` and `fxp run` open each. A mutant must be opened, or refused in one line: no
signal ends the program, nothing takes longer than the limit, no file appears. Those that do otherwise are kept.
"""
import argparse
import concurrent.futures
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile

LIMIT = 120  # seconds, on a busy machine


def entries(data):
    """Places of the zip's headers: (local, central) offsets."""
    local = [i for i in range(len(data) - 3) if data[i:i + 4] == b"PK\x03\x04"]
    central = [i for i in range(len(data) - 3) if data[i:i + 4] == b"PK\x01\x02"]
    return local, central


def flip(data, rng):
    for _ in range(rng.randint(1, 4)):
        data[rng.randrange(len(data))] = rng.randrange(256)


def bit(data, rng):
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def cut(data, rng):
    del data[rng.randrange(len(data)):]


def remove(data, rng):
    begin = rng.randrange(len(data))
    del data[begin:begin + rng.randint(1, 64)]


def repeat(data, rng):
    begin = rng.randrange(len(data))
    data[begin:begin] = data[begin:begin + rng.randint(1, 64)]


def number(data, rng):
    """An extreme number at any place."""
    at = rng.randrange(max(1, len(data) - 8))
    data[at:at + 4] = struct.pack("<I", rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF]))


def field(data, rng):
    """An extreme number in a field of a zip header."""
    local, central = entries(bytes(data))
    if not local or not central:
        return number(data, rng)
    at, sizes = (rng.choice(local), [4, 6, 8, 14, 18, 22, 26]) if rng.random() < 0.4 else (rng.choice(central),
                                                                                           [8, 10, 16, 20, 24, 28, 42])
    width = rng.choice(["<H", "<I"])
    top = 0xFFFF if width == "<H" else 0xFFFFFFFF
    struct.pack_into(width, data, at + rng.choice(sizes), rng.choice([0, 1, 8, top // 2, top, rng.randint(0, top)]))


def rewritten(data, rng, change):
    """The archive again, stored, with its entries changed: their checksums are right."""
    import io
    try:
        with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
            items = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:
        return flip(data, rng)
    change(items, rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in items:
            archive.writestr(zipfile.ZipInfo(name), content)
    data[:] = out.getvalue()


def swap(items, rng):
    a, b = rng.randrange(len(items)), rng.randrange(len(items))
    (name_a, content_a), (name_b, content_b) = items[a], items[b]
    items[a], items[b] = (name_a, content_b), (name_b, content_a)


def drop(items, rng):
    del items[rng.randrange(len(items))]


def inside(items, rng):
    """Damage inside an entry, which its checksum does not tell."""
    pick = rng.choice([i for i, (name, content) in enumerate(items) if content and ("pkl" in name or ".py" in name)] or
                      range(len(items)))
    name, content = items[pick]
    content = bytearray(content)
    if content:
        rng.choice([flip, bit, cut, remove, repeat, number])(content, rng)
    items[pick] = (name, bytes(content))


def mutant(original, seed):
    rng = random.Random(seed)
    data = bytearray(original)
    kind = rng.choice([flip, bit, cut, remove, repeat, number, field, field, swap, drop, inside, inside, inside, inside])
    if kind in (swap, drop, inside):
        rewritten(data, rng, kind)
    else:
        kind(data, rng)
    return kind.__name__, bytes(data)


def complaint(command, folder, before):
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=LIMIT, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"took more than {LIMIT} s"
    if done.returncode not in (0, 1):
        return f"ended with {done.returncode}"
    if done.returncode == 1 and (done.stderr.count(b"\n") != 1 or not done.stderr.startswith(b"fxp: ")):
        return f"wrote {done.stderr[:300]!r}"
    if any(c < 32 and c not in (9, 10) for c in done.stderr):
        return f"wrote control characters: {done.stderr[:300]!r}"
    left = sorted(p.name for p in folder.iterdir())
    return None if left == before else f"left {left}"


def tried(fxp, file, seed, keep):
    kind, data = mutant(file.read_bytes(), seed)
    inputs = sorted(file.parent.glob("inputs.npz")) or sorted(file.parent.glob(file.name.split(".")[0] + "*.npz"))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = folder / ("model" + file.suffix)
        model.write_bytes(data)
        before = [model.name]
        wrong = complaint([fxp, "info", model], folder, before)
        if not wrong and inputs:
            wrong = complaint([fxp, "run", model, "--inputs", inputs[0].resolve()], folder, before)
        if wrong:
            keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(model, keep / f"{file.name}.{kind}.{seed}{file.suffix}")
            return f"{file} {kind} {seed}: {wrong}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fxp", type=pathlib.Path)
    parser.add_argument("count", type=int)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("build/mutants"))
    given = parser.parse_args()
    files = given.files or sorted((pathlib.Path(__file__).parent / "data").rglob("*.pt"))
    files = [f for f in files if f.stat().st_size < 1 << 20]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        jobs = [pool.submit(tried, given.fxp.resolve(), files[i % len(files)], given.seed + i, given.keep)
                for i in range(given.count)]
        for done, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            if job.result():
                failed += 1
                print(job.result(), flush=True)
            if done % 100 == 0:
                print(f"{done} mutants, {failed} wrong", flush=True)
    print(f"{given.count} mutants of {len(files)} files, {failed} wrong")
    sys.exit(failed > 0)


main()
