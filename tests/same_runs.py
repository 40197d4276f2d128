#!/usr/bin/env python3
"""same_runs.py A B: whether two folders of reports and outputs hold the same numbers; a report's times do not count."""

import json
import pathlib
import sys
import zipfile


def numbers(path: pathlib.Path):
    if path.suffix == ".json":
        report = json.loads(path.read_text())
        report.pop("milliseconds", None)
        return report
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def difference(a, b, place: str = "") -> str:
    """The first place at which the two differ; empty where they are the same."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return next((d for key in a if (d := difference(a[key], b[key], f"{place}/{key}"))), "")
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return next((d for i, pair in enumerate(zip(a, b)) if (d := difference(*pair, f"{place}/{i}"))), "")
    return "" if a == b else f"{place}: {a!r:.80} and {b!r:.80}"


def main(first: str, second: str) -> int:
    a, b = pathlib.Path(first), pathlib.Path(second)
    names = sorted(path.name for path in a.iterdir())
    if not names or names != sorted(path.name for path in b.iterdir()):
        print(f"{a.name} and {b.name} hold other files", file=sys.stderr)
        return 1
    for name in names:
        where = difference(numbers(a / name), numbers(b / name))
        if where:
            print(f"{name} of {a.name} and {b.name} differ at {where}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
