"""report.py: what test/lib/check.h is to tests in C.

A test is a function; it passes by returning, and leaves by failed() or
skipped(). Each says a line, as check.h's do, and end() says the last one:

    ok NAME
    FAILED NAME what was wrong
    skipped NAME: reason
    N passed, N failed

Exit status: 0; 1 when a test failed; 77 when all were skipped.
"""
import os
import shutil
import subprocess
import sys
import traceback

ROOT = os.environ.get("UVSSH_SOURCE_DIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

_counts = {"passed": 0, "failed": 0, "skipped": 0}


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def failed(text):
    raise Failed(text)


def skipped(reason):
    raise Skipped(reason)


def run(name, test, *arguments):
    try:
        test(*arguments)
    except Failed as e:
        _counts["failed"] += 1
        print("FAILED", name, str(e).replace("\n", "\n    "))
    except Skipped as e:
        _counts["skipped"] += 1
        print(f"skipped {name}: {e}")
    except Exception:  # the test's own fault; the others still run
        _counts["failed"] += 1
        print("FAILED", name, traceback.format_exc())
    else:
        _counts["passed"] += 1
        print("ok", name)
    sys.stdout.flush()


def end():
    print(f"{_counts['passed']} passed, {_counts['failed']} failed")
    if _counts["failed"]:
        sys.exit(1)
    sys.exit(0 if _counts["passed"] or not _counts["skipped"] else 77)


def build_dir():
    """Where the library was built; without one the program ends."""
    path = os.environ.get("UVSSH_BUILD_DIR")
    if not path:
        sys.exit("UVSSH_BUILD_DIR is not set: meson test sets it, or set it "
                 "to the folder that you build in")
    return path


def command(*arguments, **options):
    """Its standard output; a failure of it is one of the test."""
    done = subprocess.run(arguments, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        how = f"exit status {done.returncode}" if done.returncode > 0 else \
            f"signal {-done.returncode}"
        failed(f"{how}: {' '.join(arguments)}\n{done.stdout}{done.stderr}"
               .rstrip())
    return done.stdout


def tool(name):
    """Skips the test where the command is not there."""
    if shutil.which(name) is None:
        skipped(f"no {name} here (scripts/setup all installs it)")
    return name


def files(*folders, ends=("",)):
    """Paths below the project's root, sorted; not what was built."""
    found = []
    for folder in folders:
        for at, names, leaves in os.walk(os.path.join(ROOT, folder)):
            names[:] = [n for n in names if not n.startswith(("build", ".git"))
                        and n != "__pycache__"]
            found += [os.path.relpath(os.path.join(at, leaf), ROOT)
                      for leaf in leaves if leaf.endswith(tuple(ends))]
    return sorted(found)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()
