#!/usr/bin/env python3
"""What the library exports: what symbols.txt lists, no more and no less; and
what uvssh-test is made of: what uvssh/test.h declares, and names of its own.

A new public function: declare it with UVSSH_EXTERN and run this with --update.
One that is missing from a later list breaks programs: see the soversion.
"""
import os
import re
import sys

import report

LIST = "test/check/symbols.txt"
KIT = "include/uvssh/test.h"


def library(name):
    return os.path.join(report.build_dir(), "lib", name)


def symbols(*arguments):
    """Names that are defined and visible to a linker."""
    report.tool("nm")
    out = report.command("nm", "--defined-only", "-P", *arguments)
    return sorted({line.split()[0] for line in out.splitlines()
                   if len(line.split()) > 2})


def declared(*paths):
    text = "".join(report.read(path)
                   for path in paths or report.files("include", ends=(".h",))
                   if paths or path != KIT)
    return sorted(re.findall(
        r"^UVSSH_EXTERN\b[^;(]*?\b(uvssh_\w+)\s*\(", text, re.M))


def listed():
    return report.read(LIST).split()


def same(have, want, extra, lack):
    text = [f"{name}: {extra}" for name in have if name not in want]
    text += [f"{name}: {lack}" for name in want if name not in have]
    if text:
        report.failed("\n".join(text))


def exported_as_listed():
    same(symbols("-D", library("libuvssh.so")), listed(),
         f"exported, not in {LIST}", f"in {LIST}, not exported")


def declared_as_listed():
    same(declared(), listed(), f"declared in include/, not in {LIST}",
         f"in {LIST}, not declared in include/")


def list_is_sorted():
    if listed() != sorted(set(listed())):
        report.failed(f"sort -u {LIST}")


def static_names():
    """Whoever links the static library meets no name that is not ours."""
    names = symbols("-g", library("libuvssh.a"))
    strange = [n for n in names if not n.startswith("uvssh_")]
    if strange:
        report.failed("not uvssh_ or uvssh__: " + " ".join(strange))


def kit_names():
    """All that it defines is its own, so it meets uvssh in no program."""
    names = symbols("-g", library("libuvssh-test.a"))
    strange = [n for n in names if not n.startswith("uvssh__test_")]
    same(strange, declared(KIT), f"not declared in {KIT}",
         f"declared in {KIT}, not defined")


def kit_needs():
    """What it uses of uvssh is exported."""
    out = report.command("nm", "-u", "-P", library("libuvssh-test.a"))
    names = {line.split()[0] for line in out.splitlines()
             if re.match(r"uvssh_\w+ ", line)}
    own = set(symbols("-g", library("libuvssh-test.a")))
    strange = sorted(names - own - set(listed()))
    if strange:
        report.failed("not exported: " + " ".join(strange))


if sys.argv[1:] == ["--update"]:
    with open(os.path.join(report.ROOT, LIST), "w", encoding="utf-8") as f:
        f.write("\n".join(declared()) + "\n")
    sys.exit()
for rule in (exported_as_listed, declared_as_listed, list_is_sorted,
             static_names, kit_names, kit_needs):
    report.run(rule.__name__, rule)
report.end()
