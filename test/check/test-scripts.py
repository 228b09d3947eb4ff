#!/usr/bin/env python3
"""The scripts: what a shell would stumble over, and how results are counted."""
import json
import os
import subprocess
import tempfile

import report

SHELL = ["scripts/chat", "scripts/debian13", "scripts/fuzz", "scripts/setup",
         "scripts/test", "scripts/steps.sh", ".ci/run"]
COMMANDS = ["scripts/chat", "scripts/debian13", "scripts/docs",
            "scripts/fuzz", "scripts/setup", "scripts/test", "scripts/totals"]


def script(path, *arguments):
    return subprocess.run(
        [os.path.join(report.ROOT, path), *arguments], text=True,
        capture_output=True, stdin=subprocess.DEVNULL)


def is_shell(path):
    report.command("sh", "-n", os.path.join(report.ROOT, path))


def shellcheck():
    report.tool("shellcheck")
    report.command("shellcheck", "-x", *SHELL, cwd=report.ROOT)


def helps(path):
    """--help does nothing but explain, and another word is refused."""
    done = script(path, "--help")
    if done.returncode != 0 or path not in done.stdout:
        report.failed(f"--help: {done.returncode} {done.stdout}{done.stderr}")


def refuses(path):
    done = script(path, "--nonsense")
    if done.returncode == 0 or not done.stderr and not done.stdout:
        report.failed(f"--nonsense: {done.returncode} {done.stdout}")


def setup_lists():
    """Each set of packages holds the one before it."""
    sets = [script("scripts/setup", "--list", name).stdout.split()
            for name in ("build", "test", "all")]
    if not all(sets) or not set(sets[0]) < set(sets[1]) < set(sets[2]):
        report.failed(str(sets))


def dry_setup(node_status, cache):
    """What `setup --dry-run all` says with a node that ends like this."""
    with tempfile.TemporaryDirectory() as folder:
        node = os.path.join(folder, "node")
        with open(node, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\nexit {node_status}\n")
        os.chmod(node, 0o755)
        env = dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}",
                   XDG_CACHE_HOME=cache)
        return subprocess.run(
            [os.path.join(report.ROOT, "scripts/setup"), "--dry-run", "all"],
            text=True, capture_output=True, stdin=subprocess.DEVNULL, env=env)


def setup_fetches_ssh2():
    """Into the cache folder, when node_peer.js does not find it; a dry run
    makes nothing."""
    with tempfile.TemporaryDirectory() as cache:
        lacks, has = dry_setup(77, cache), dry_setup(0, cache)
        if "not Debian" in lacks.stderr or "no sudo" in lacks.stderr:
            report.skipped("packages are missing, and apt cannot be used")
        if f"npm install --prefix {cache}/uvssh/node " not in lacks.stdout:
            report.failed(lacks.stdout + lacks.stderr)
        if "npm install" in has.stdout or os.listdir(cache):
            report.failed(f"{has.stdout}{has.stderr}{os.listdir(cache)}")


def totals(tests, *more):
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log.json")
        with open(log, "w", encoding="utf-8") as f:
            for number, (out, code, result) in enumerate(tests):
                f.write(json.dumps({
                    "name": f"t{number}", "stdout": out, "returncode": code,
                    "result": result}) + "\n")
        return script("scripts/totals", f"x={log}", *more)


def counted(want, code, tests, *more):
    done = totals(tests, *more)
    last = done.stdout.splitlines()[-1]
    if (last, done.returncode) != (want, code):
        report.failed(f"{last}, {done.returncode}, not {want}, {code}:\n"
                      f"{done.stdout}{done.stderr}")
    return done.stdout


TWO = ("ok a\nok b\n2 passed, 0 failed\n", 0, "OK")
NONE = ("skipped a: why not\n0 passed, 0 failed\n", 77, "SKIP")


def counts_single_tests():
    counted("4 passed, 0 failed", 0, [TWO, TWO])
    counted("2 passed, 1 failed", 1, [
        TWO, ("FAILED a x.c:1 no\n0 passed, 1 failed\n", 1, "FAIL")])


def counts_crashes():
    out = counted("3 passed, 1 failed", 1, [TWO, ("ok a\n", -11, "FAIL")])
    if "SIGSEGV" not in out:
        report.failed(out)
    counted("2 passed, 1 failed", 1, [TWO, ("", -15, "TIMEOUT")])
    counted("2 passed, 1 failed", 1, [TWO, ("", 0, "OK")])


def counts_what_comes_after():
    """A leak is found when all tests have passed."""
    counted("2 passed, 1 failed", 1, [(TWO[0], 1, "FAIL")])


def counts_skipped():
    out = counted("2 passed, 0 failed", 0, [TWO, NONE], "y=skipped:no y here")
    if "why not" not in out or "no y here" not in out:
        report.failed(out)
    counted("0 passed, 0 failed", 1, [NONE])


def counts_what_did_not_run():
    counted("2 passed, 1 failed", 1, [TWO], "y=/nonexistent/log.json")


for shell in SHELL:
    report.run(f"is_shell {shell}", is_shell, shell)
report.run("shellcheck", shellcheck)
for name in COMMANDS:
    report.run(f"helps {name}", helps, name)
for name in COMMANDS:
    if name != "scripts/chat":     # passes on what it does not know
        report.run(f"refuses {name}", refuses, name)
for rule in (setup_lists, setup_fetches_ssh2, counts_single_tests,
             counts_crashes, counts_what_comes_after, counts_skipped,
             counts_what_did_not_run):
    report.run(rule.__name__, rule)
report.end()
