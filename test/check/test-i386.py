#!/usr/bin/env python3
"""All of lib/ but loop/ also compiles where a size_t has 32 bits.

Nothing is linked: the machine needs no 32-bit libuv, only the headers.
"""
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

import report

FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow",
         "-Wno-unused-parameter", "-Werror", "-Iinclude", "-Ilib"]


# Left out where a library is too old for them, as lib/meson.build does.
NEEDS = {"lib/crypto/mlkem_sodium.c": "sodium/crypto_kem_mlkem768.h"}


def gcc_m32(*arguments):
    return subprocess.run(["gcc", "-m32", *arguments], cwd=report.ROOT,
                          text=True, capture_output=True)


def why_not(scratch):
    """None, or why there is no gcc -m32 here."""
    source = os.path.join(scratch, "probe.c")
    with open(source, "w", encoding="utf-8") as f:
        f.write("#include <stdio.h>\nint main(void) { return 0; }\n")
    try:
        done = gcc_m32("-c", source, "-o", source + ".o")
    except FileNotFoundError:
        return "no gcc here"
    return None if done.returncode == 0 else \
        "gcc has no -m32 here (Debian's gcc-multilib, on x86-64)"


def is_there(header, cflags):
    return subprocess.run(["gcc", "-E", *cflags, "-include", header, "-x", "c",
                           os.devnull], capture_output=True).returncode == 0


def one_source(path, result, cflags):
    done = result.result()
    if path in NEEDS and not is_there(NEEDS[path], cflags):
        report.skipped(f"no {NEEDS[path]} here")
    if done.returncode != 0:
        report.failed(done.stderr.rstrip())


def main(scratch):
    reason = why_not(scratch)
    if reason:
        report.run("i386", report.skipped, reason)
        return
    cflags = report.command("pkg-config", "--cflags", "libuv", "libsodium")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = {path: pool.submit(
            gcc_m32, *FLAGS, *cflags.split(), "-c", path, "-o",
            os.path.join(scratch, path.replace("/", "_") + ".o"))
            for path in report.files("lib", ends=(".c",))
            if not path.startswith("lib/loop/")}
        for path, result in results.items():
            report.run(path, one_source, path, result, cflags.split())


with tempfile.TemporaryDirectory() as folder:
    main(folder)
report.end()
