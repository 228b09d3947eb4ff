#!/usr/bin/env python3
"""Each public header compiles alone, in C and in C++, without a warning."""
import os
import shutil

import report

WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror",
            "-fsyntax-only"]
COMPILERS = {
    "gcc": ["-x", "c", "-std=gnu11", "-Wstrict-prototypes"],
    "clang": ["-x", "c", "-std=gnu11", "-Wstrict-prototypes"],
    "g++": ["-x", "c++", "-std=gnu++17"],
    "clang++": ["-x", "c++", "-std=gnu++17"],
}


def compiles(compiler, options, header, cflags):
    """Twice in one unit, too: its guard holds."""
    name = os.path.relpath(header, "include")
    report.command(
        compiler, *options, *WARNINGS, "-Iinclude", *cflags, "-include", name,
        "-include", name, os.devnull, cwd=report.ROOT)


def main():
    cflags = report.command("pkg-config", "--cflags", "libuv").split()
    for compiler, options in COMPILERS.items():
        if shutil.which(compiler) is None:
            report.run(compiler, report.tool, compiler)
            continue
        for header in report.files("include", ends=(".h",)):
            report.run(f"{compiler} {header}", compiles, compiler, options,
                       header, cflags)


main()
report.end()
