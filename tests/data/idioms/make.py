"""Writes the TorchScript files of this folder, their samples, and what PyTorch computes from them.

    python make.py FOLDER      (made with PyTorch 2.13)

Each case is a small model in which what is computed is hard to follow for whoever records it: tensors written to in
place, through views and through their bases, kept in lists, dictionaries and buffers. NAME.traced.pt and
NAME.scripted.pt hold it, and NAME.npz:

    recorded         samples to open the file with
    x                other samples
    expected         the model's outputs on x (expected, expected_1, … where there are several)
    expected_q6      its outputs on x quantized to 6 bits, 3 of them behind the point, ties to even, saturated

Every model reads its input once, by a multiplication: a format of 6 bits with F = 3 at the slot `mul.input` and float
everywhere else must give expected_q6. Nothing else of a model may depend on x by another way.

cases.json says of each case which forms there are, the outputs' number, and whether dimension 0 holds samples that
leave each other alone. A form that PyTorch has no way to write is named under "without", with the reason.
Before a file is left here it is loaded again and run, whole and in parts of five and one: what is wrong in the file
itself ends the program. It runs without PyTorch's optimizer, which merges two equal `cat` of one list although an
element was written to between them.

The models of others.py have tests of their own, and groups of their own in cases.json.
"""

import json
import sys

import buffers, containers, modules, positions, views, weights, writes  # each makes its files as it is read
import case, others

with open(f"{sys.argv[1]}/cases.json", "w") as file:
    groups = {"idioms": case.idioms, **others.cases}
    lines = [f' "{group}": {{\n' + ",\n".join(f'  "{name}": {json.dumps(entry)}' for name, entry in entries.items())
             + "\n }" for group, entries in groups.items()]
    file.write("{\n" + ",\n".join(lines) + "\n}\n")
