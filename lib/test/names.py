#!/usr/bin/env python3
"""Other names for the copy of base/, wire/, crypto/ and key/ in uvssh-test, so
that it meets neither the shared nor the static library: a header that is
included before everything else.

names.py sources... header
"""
import re
import sys

INTERNAL = re.compile(r"\buvssh__(\w+)")
PUBLIC = re.compile(r"^[a-z][\w \t*]*\buvssh_((?!_|test_)\w+)\(", re.M)

names = {}
for path in sys.argv[1:-1]:
    with open(path, encoding="utf-8") as f:
        text = f.read()
    names.update((f"uvssh__{name}", f"uvssh__test_{name}")
                 for name in INTERNAL.findall(text))
    if path.endswith(".c"):
        names.update((f"uvssh_{name}", f"uvssh__test_own_{name}")
                     for name in PUBLIC.findall(text))
with open(sys.argv[-1], "w", encoding="utf-8") as f:
    for name in sorted(names):
        f.write(f"#define {name} {names[name]}\n")
