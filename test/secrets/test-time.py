#!/usr/bin/env python3
"""No branch and no index depends on a secret: secret-time under valgrind.

    test-time.py SECRET-TIME

With UVSSH_TEST_RELEASE it is also compiled by gcc and clang, without
optimization and with all of it: what a compiler makes of a line that has no
branch, it decides."""
import os
import subprocess
import sys
import tempfile

import report

SUPPRESSIONS = os.path.join(report.ROOT, "test/secrets/libraries.supp")
LOG_LINES = 60


def memcheck(program, log):
    """What the program said, and valgrind."""
    done = subprocess.run(
        [report.tool("valgrind"), "-q", "--error-limit=no",
         "--num-callers=25", f"--suppressions={SUPPRESSIONS}",
         f"--log-file={log}", program],
        text=True, capture_output=True, stdin=subprocess.DEVNULL)
    with open(log, encoding="utf-8", errors="replace") as file:
        return done, done.stderr + file.read()


def look(program, folder):
    """Runs it; what its tests say is said again, as one test."""
    log = os.path.join(folder, "log")
    done, said = memcheck(program, log)
    if "debuginfo reader" in said:
        # A compiler newer than valgrind: functions have their names without.
        bare = os.path.join(folder, "bare")
        report.command("strip", "--strip-debug", "-o", bare, program)
        done, said = memcheck(bare, log)
    lines = done.stdout.splitlines()
    counts = lines[-1] if lines else ""
    for line in lines[:-1]:
        print("   ", line)
    if done.returncode != 0 or not counts.endswith(" passed, 0 failed") or \
            "skipped" in done.stdout:
        report.failed("\n".join([done.stdout,
                                 *said.splitlines()[-LOG_LINES:]]))


def as_built(program):
    with tempfile.TemporaryDirectory() as folder:
        look(program, folder)


def compiled(cc, level):
    with tempfile.TemporaryDirectory() as folder:
        build = os.path.join(folder, "build")
        report.command("meson", "setup", build, report.ROOT,
                       "-Dbuildtype=plain", "-Dsamples=false",
                       f"-Dc_args=-g -O{level}",
                       env={**os.environ, "CC": report.tool(cc)})
        report.command("ninja", "-C", build, "test/secrets/secret-time")
        look(os.path.join(build, "test/secrets/secret-time"), folder)


def main(program):
    report.run("time_as_built", as_built, program)
    if os.environ.get("UVSSH_TEST_RELEASE") is not None:
        for cc in ("gcc", "clang"):
            for level in ("0", "2", "3"):
                report.run(f"time_{cc}_O{level}", compiled, cc, level)
    report.end()


main(sys.argv[1])
