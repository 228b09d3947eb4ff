#!/usr/bin/env python3
"""Starts every sample and speaks to it with OpenSSH's own client.

usage: run.py --bin DIR [-k TEXT] [--ssh COMMAND] [--list]

DIR holds the samples. Prints `ok NAME`, `FAILED NAME reason` or
`skipped NAME reason`, and `N passed, N failed` as the last line; the exit
status is 1 when a test failed. Needs ssh and ssh-keygen.
"""

import argparse
import concurrent.futures
import functools
import os
import shutil
import signal
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True          # nothing is left in the source tree
import term
import world
# these register their tests, in this order
import chat_start
import chat_room
import chat_terminal
import chat_end
import small
import exec_run
import exec_terminal
import later
import loops


def run_one(options, base, function):
    home = tempfile.mkdtemp(dir=base)
    try:
        function(world.World(options, home))
        return "ok", ""
    except world.Skipped as reason:
        return "skipped", str(reason)
    except term.Failed as reason:
        frame = traceback.extract_tb(sys.exc_info()[2])
        line = [f.lineno for f in frame if f.name == function.__name__][-1]
        return "FAILED", "line %d: %s" % (line, reason)
    except Exception:                        # also a fault of the test itself
        return "FAILED", traceback.format_exc()
    finally:
        for process in list(term.alive):
            process.destroy()
        shutil.rmtree(home, ignore_errors=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, metavar="DIR",
                        help="the folder of the samples")
    parser.add_argument("-k", default="", metavar="TEXT",
                        help="only the tests with this text in their name")
    parser.add_argument("--ssh", default="ssh", metavar="COMMAND",
                        help="another ssh client")
    parser.add_argument("--jobs", type=int, default=2, metavar="N",
                        help="so many tests at a time, each in a process of "
                        "its own (%(default)s): they wait more than they work")
    parser.add_argument("--list", action="store_true",
                        help="print the names of the tests")
    options = parser.parse_args()
    options.bin = os.path.abspath(options.bin)
    return options


def hear_signals():
    """What is ignored here (nohup, a job in the background) would be ignored by
    the programs that are started, too."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)


def main():
    options = parse_arguments()
    hear_signals()
    chosen = [t for t in world.tests if options.k in t.__name__]
    if options.list:
        print("\n".join(t.__name__ for t in chosen))
        return 0
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="uvssh-samples-") as base, \
            concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        one = functools.partial(run_one, options, base)
        for function, (result, reason) in zip(chosen, pool.map(one, chosen)):
            print((result + " " + function.__name__ + " " + reason).strip(),
                  flush=True)
            passed += result == "ok"
            failed += result == "FAILED"
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
