#!/usr/bin/env python3
"""The scripts: what a shell would stumble over, and how results are counted."""
import json
import os
import re
import shutil
import subprocess
import tempfile

import report

SHELL = ["scripts/bench", "scripts/chat", "scripts/debian13", "scripts/fuzz",
         "scripts/setup", "scripts/soak", "scripts/test", "scripts/steps.sh",
         ".ci/run"]
COMMANDS = ["scripts/analyze", "scripts/bench", "scripts/chat",
            "scripts/coverage", "scripts/debian13", "scripts/docs",
            "scripts/fuzz", "scripts/record", "scripts/setup", "scripts/soak",
            "scripts/test", "scripts/totals"]


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


def shows_how_long():
    out = counted("2 passed, 0 failed", 0, [TWO], "x=took:12")
    if "x: 2 passed, 0 failed in 12 s" not in out:
        report.failed(out)


def recorded(shell, *before):
    """(the log's lines, exit status) of a command that `sh -c` runs."""
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log.json")
        for text in before:
            script("scripts/record", log, "before", "sh", "-c", text)
        done = script("scripts/record", log, "name", "sh", "-c", shell)
        shown = script("scripts/record", "--show", log).stdout
        totals_said = script("scripts/totals", f"x={log}").stdout
        return done.returncode, shown, totals_said.splitlines()[-1]


def records_commands():
    """Each counts as it says, or as one; what else it says can be shown."""
    for shell, *want in (
            ("echo figure; echo ok a; echo ok b; echo 2 passed, 0 failed",
             0, "2 passed, 0 failed"),
            ("echo figure", 0, "1 passed, 0 failed"),
            ("echo figure; exit 3", 3, "0 passed, 1 failed"),
            ("echo figure; echo 2 passed, 0 failed; exit 1",
             1, "2 passed, 1 failed")):
        code, shown, last = recorded(shell)
        if [code, last] != want or "figure" not in shown or "ok a" in shown:
            report.failed(f"{shell}: {code}, {last}, {shown}")
    code, shown, last = recorded("true", "echo FAILED x; false")
    if (code, last) != (0, "1 passed, 1 failed"):
        report.failed(f"{code}, {last}")


def stages():
    """{stage: what it runs} of each kind of scripts/test."""
    found = {}
    for kind in ("", "--all", "--release"):
        lines = script("scripts/test", "--dry-run", *kind.split()).stdout
        found[kind] = {line.split()[0]: line.split()[1:]
                       for line in lines.splitlines()}
    return found


def each_suite_has_a_stage():
    """A suite that nobody runs would be forgotten; and what --all runs, a
    release does, too."""
    text = report.read("test/meson.build")
    suites = set(re.findall(r"^ *subdir\('(\w+)'\)", text, re.M)) - {"bench"}
    kinds = stages()
    broken = sorted(suites - set(kinds["--all"]["gcc"]))
    for name, runs in kinds["--all"].items():
        broken += [f"{name}: {suite}" for suite in sorted(suites & set(runs))
                   if suite not in kinds["--release"].get(name, [])]
    if broken:
        report.failed(f"in no stage: {broken}")


COVERED = """int f(int a) {
  assert(a != 0 &&
         a != 1);
  if (a > 2 && a < 9)
    return 1;
  return 0;
}
"""


def coverage_of(*calls):
    """What scripts/coverage says of COVERED in a project of its own."""
    with tempfile.TemporaryDirectory() as folder:
        objects = os.path.join(folder, "build/lib/libuvssh.so.p")
        for name in (objects, os.path.join(folder, "lib/a"),
                     os.path.join(folder, "scripts")):
            os.makedirs(name)
        shutil.copy(os.path.join(report.ROOT, "scripts/coverage"),
                    os.path.join(folder, "scripts"))
        main = "".join(f"f({n});" for n in calls)
        for name, text in (("lib/a/f.c", "#include <assert.h>\n" + COVERED),
                           ("m.c", f"int f(int a);int main(void){{{main}}}")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(text)
        build = os.path.join(folder, "build")
        report.command("gcc", "--coverage", "-c", "../lib/a/f.c", "-o",
                       "lib/libuvssh.so.p/f.c.o", cwd=build)
        report.command("gcc", "--coverage", "../m.c",
                       "lib/libuvssh.so.p/f.c.o", "-o", "m", cwd=build)
        report.command("./m", cwd=build)
        done = subprocess.run(
            ["scripts/coverage", "--check", "build"], cwd=folder, text=True,
            capture_output=True, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout


def coverage_counts():
    """Without the branches of assert(), and below the bar it fails."""
    report.tool("gcov")
    code, out = coverage_of(3, 2, 10)
    if code != 0 or "lines 100.0 %, branches 100.0 %" not in out or \
            not re.search(r"^all +5 of +5 .* 4 of +4 ", out, re.M):
        report.failed(out)
    code, out = coverage_of(3)
    if code != 1 or "FAILED coverage" not in out:
        report.failed(out)


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
             counts_what_did_not_run, shows_how_long, records_commands,
             each_suite_has_a_stage, coverage_counts):
    report.run(rule.__name__, rule)
report.end()
