"""Takes the paths of the machine that wrote them out of TorchScript and torch.export files.

    python neutral_paths.py FILE…           rewrites the files
    python neutral_paths.py --check FILE…   lists those that hold such a path, and exits 1

Stack traces and source ranges hold the folders of the exporting script and of PyTorch. They become /model/source of the
same length (/model/source/././.), because offsets into the texts are stored beside them. Entries keep their order, their
compression, and where they are stored as they are their alignment to 64 bytes.
"""

import io
import re
import struct
import sys
import zipfile

# A folder outside the model's own: what stands before /site-packages/, before /tests/, or beside the script.
MACHINE = re.compile(rb"/(?:wt|work|tmp|root|home)/[\w.+-]+(?:/[\w.+-]+)*?(?=/lib/python|/tests/data/|/[\w]+\.py)")
ALIGNMENT = 64


def neutral(match):
    length = len(match.group(0))
    base = b"/model/source" if length % 2 else b"/model/sources"
    if length < len(base):
        return (b"/model" + b"/." * length)[:length]
    return base + b"/." * ((length - len(base)) // 2)


def padded(info, offset):
    """The extra field after which the entry's bytes begin at a multiple of the alignment, as PyTorch's writer has it."""
    begin = offset + 30 + len(info.filename.encode()) + 4
    count = -begin % ALIGNMENT
    return b"FB" + struct.pack("<H", count) + b"Z" * count


def rewritten(path):
    out = io.BytesIO()
    changed = False
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            clean = MACHINE.sub(neutral, data)
            changed = changed or clean != data
            entry = zipfile.ZipInfo(info.filename, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = info.compress_type
            if info.compress_type == zipfile.ZIP_STORED:
                entry.extra = padded(info, out.tell())
            new.writestr(entry, clean)
    return out.getvalue() if changed else None


def main():
    check = "--check" in sys.argv
    found = False
    for path in sys.argv[1:]:
        if path == "--check" or not zipfile.is_zipfile(path):
            continue
        data = rewritten(path)
        if data is None:
            continue
        found = True
        print(path)
        if not check:
            with open(path, "wb") as file:
                file.write(data)
    sys.exit(check and found)


main()
