#!/usr/bin/env python3
"""Of inputs that a run of libFuzzer kept, adds to the seeds those that reach
most of what the seeds do not: for scripts/fuzz --merge.

    test/fuzz/merge.py PROGRAM SEEDS KEPT ...

SEEDS is a folder of test/fuzz/corpus/. What an input reaches libFuzzer says, in
the file that its own merge keeps beside it.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

MOST = 60                          # inputs that are added to a folder
LONGEST = 1024                     # bytes of one


def reached(program, folders):
    """{path: set of features}"""
    with tempfile.TemporaryDirectory() as place:
        control = os.path.join(place, "control")
        none = os.path.join(place, "none")
        os.mkdir(none)
        result = subprocess.run(
            [program, "-set_cover_merge=1", "-use_counters=0",
             f"-max_len={LONGEST}", f"-merge_control_file={control}", none,
             *folders], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            errors="replace", check=False)
        if not os.path.exists(control):
            sys.exit(result.stdout)
        with open(control, encoding="utf-8") as f:
            lines = f.read().splitlines()
    count = int(lines[0])
    names = lines[2:2 + count]
    return {names[int(words[1])]: set(words[2:])
            for words in (line.split() for line in lines[2 + count:])
            if words[0] == "FT"}


def chosen(inputs, have):
    """Paths, the one that adds most first."""
    left = {path: features - have for path, features in inputs.items()}
    while left:
        path = max(left, key=lambda p: (len(left[p]), -os.path.getsize(p), p))
        if not left[path]:
            return
        yield path
        got = left.pop(path)
        left = {p: f - got for p, f in left.items()}


def main(program, seeds, *kept):
    found = reached(program, [seeds, *kept])
    of_seeds = {p for p in found if os.path.dirname(p) == seeds.rstrip("/")}
    have = set().union(*(found[p] for p in of_seeds))
    rest = {p: f for p, f in found.items() if p not in of_seeds}
    added = 0
    for path in chosen(rest, have):
        if added == MOST:
            break
        with open(path, "rb") as f:
            name = hashlib.sha1(f.read()).hexdigest()[:16]
        shutil.copyfile(path, os.path.join(seeds, name))
        have |= found[path]
        added += 1
    total = len(have.union(*rest.values()))
    print(f"{os.path.basename(seeds)}: {len(of_seeds)} seeds and {added} more "
          f"reach {len(have)} of {total}")


if len(sys.argv) < 4:
    print(__doc__.strip())
    sys.exit(2)
main(*sys.argv[1:])
