#!/usr/bin/env python3
"""Nothing is forgotten: each source is built, each header installed, no word
says "later" in place of an issue."""
import os
import re

import report

# Written in pieces, so that this file does not hold them.
WORDS = re.compile(r"\b(%s)\b" % "|".join(
    ["TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"]))

# Compiled by a test itself, which is named here.
ELSEWHERE = {"test/headers/outside.c": "test/headers/test-outside.py",
             "test/headers/outside-kit.c": "test/headers/test-outside.py"}
# Of a library of its own, which no program needs but a test.
APART = "include/uvssh/test.h"


def listed_in(path):
    """Every text in quotes of a meson.build."""
    text = re.sub(r"#[^\n]*", "", report.read(path))
    return set(re.findall(r"'([^'\n]*)'", text))


def answer(broken):
    if broken:
        report.failed("\n".join(broken))


def nearest_build_file(path):
    folder = os.path.dirname(path)
    while not os.path.exists(os.path.join(report.ROOT, folder, "meson.build")):
        folder = os.path.dirname(folder)
    return os.path.join(folder, "meson.build")


def unlisted(paths):
    broken = []
    for path in paths:
        build = nearest_build_file(path)
        name = os.path.relpath(path, os.path.dirname(build) or ".")
        if name not in listed_in(build) and path not in ELSEWHERE:
            broken.append(f"{path}: not in {build}")
    answer(broken)


def all_sources_are_built():
    unlisted(report.files("lib", "samples", "test", ends=(".c",)))


def all_tests_are_run():
    unlisted([path for path in report.files("test", ends=(".py",))
              if os.path.basename(path).startswith("test-")])


def all_headers_are_installed():
    names = listed_in("include/meson.build")
    answer([f"{path}: not in include/meson.build"
            for path in report.files("include", ends=(".h",))
            if os.path.relpath(path, "include") not in names])


def uvssh_h_includes_the_rest():
    text = report.read("include/uvssh.h")
    answer([f"{path}: not in include/uvssh.h"
            for path in report.files("include/uvssh", ends=(".h",))
            if path != APART
            and f'#include "{os.path.relpath(path, "include")}"' not in text])


def one_version():
    """That of meson.build, which uvssh.pc tells, is that of version.h."""
    header = report.read("include/uvssh/version.h")
    parts = [re.search(rf"UVSSH_VERSION_{p} (\d+)", header).group(1)
             for p in ("MAJOR", "MINOR", "PATCH")]
    texts = {
        "UVSSH_VERSION_MAJOR ..": ".".join(parts),
        "UVSSH_VERSION_STRING": re.search(
            r'UVSSH_VERSION_STRING "([^"]*)"', header).group(1),
        "meson.build": re.search(
            r"^\s*version: '([^']*)'", report.read("meson.build"),
            re.M).group(1),
    }
    if len(set(texts.values())) != 1:
        report.failed(str(texts))


def no_leftovers():
    broken = []
    for path in report.files("."):
        try:
            lines = report.read(path).splitlines()
        except UnicodeDecodeError:
            continue
        broken += [f"{path}:{i}: {m.group(1)}: do it, or make it an issue"
                   for i, line in enumerate(lines, 1)
                   for m in [WORDS.search(line)] if m]
    answer(broken)


for rule in (all_sources_are_built, all_tests_are_run,
             all_headers_are_installed, uvssh_h_includes_the_rest,
             one_version, no_leftovers):
    report.run(rule.__name__, rule)
report.end()
