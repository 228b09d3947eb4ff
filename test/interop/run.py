#!/usr/bin/env python3
"""Interop: real clients and servers against the library's. Standard library
only.

    run.py --bin BUILD/test/interop [--quick] [-k TEXT] [--list] [--table]

Prints `ok NAME`, `FAILED NAME reason` or `skipped NAME: reason`, and at the end
`N passed, N failed`. Everything happens on loopback and in a folder of its own;
no time is asserted: --patience only says after how long without a byte a hang
counts as one."""
import argparse
import concurrent.futures
import getpass
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback

import cases_abuse
import cases_channel
import cases_client
import cases_login
import cases_matrix
import cases_transfer
import processes
import table
import terminal
from partners import NotSupported
from peers import PEERS, make
from servers import Failed, Hangs, Server, Skipped

KEY_TYPES = {"ssh-ed25519": ("ed25519",),
             "ecdsa-sha2-nistp256": ("ecdsa", "-b", "256"),
             "ecdsa-sha2-nistp384": ("ecdsa", "-b", "384"),
             "ecdsa-sha2-nistp521": ("ecdsa", "-b", "521"),
             "ssh-rsa": ("rsa", "-b", "3072")}


def first_line(path):
    with open(path) as f:
        return f.readline()


class Run:
    """What all tests share: the folder, the keys, how processes are run."""

    def __init__(self, a):
        self.bin = os.path.abspath(a.bin)
        self.ssh, self.root, self.user = a.ssh, a.root, a.user
        self.quick, self.patience = a.quick, a.patience
        self.verbose, self.log = a.verbose, a.log
        for program in ("interop-server", "interop-client"):
            server = os.path.join(self.bin, program)
            if not os.path.exists(server):
                sys.exit(f"run.py: no {server}: build it, or see --bin")
        with open(server, "rb") as f:
            self.sanitized = b"__asan_init" in f.read()
        self.size = (4 if a.quick else 64) << 20
        self.numbers = itertools.count()
        folder = os.path.join(a.root, "tmp") if a.root != "/" else None
        self.work = tempfile.mkdtemp(prefix="uvssh-interop-", dir=folder)
        self.home = self.file("home")
        os.mkdir(self.home)
        self.host_keys = self.new_keys("host_key")
        self.user_keys = self.new_keys("key")
        self.host_key = self.host_keys["ssh-ed25519"]
        self.key = self.user_keys["ssh-ed25519"]
        self.other_key = self.new_key("other_key", "ed25519")
        self.host_lines = [" ".join(first_line(path + ".pub").split()[:2])
                           for path in self.host_keys.values()]
        self.host_line = self.host_lines[0]
        self.fingerprints = {
            kind: make("ssh-keygen", "-l", "-f", path).split()[1]
            for kind, path in self.host_keys.items()}
        self.fingerprint = self.fingerprints["ssh-ed25519"]
        self.authorized = self.file("authorized")
        with open(self.authorized, "w") as f:
            f.writelines(first_line(path + ".pub")
                         for path in self.user_keys.values())

    def file(self, name):
        return os.path.join(self.work, name)

    def new_key(self, name, *kind):
        path = self.file(name)
        make("ssh-keygen", "-q", "-t", *kind, "-N", "", "-C", "interop", "-f",
             path)
        return path

    def new_keys(self, name):
        """One of each type; the first one is what all other cases use."""
        return {kind: self.new_key(name + ("." + kind if i else ""), *words)
                for i, (kind, words) in enumerate(KEY_TYPES.items())}

    def fresh(self, name):
        """A name that nothing else has."""
        return self.file(f"{name}.{next(self.numbers)}")

    def server(self, *options, **more):
        return Server(self, *options, **more)

    def pattern(self, size):
        """A file of the bytes that `source` sends; see pattern.h."""
        path = self.file(f"pattern.{size}")
        if not os.path.exists(path):
            new = self.fresh("new")
            cases_transfer.write_pattern(new, size)
            os.rename(new, path)
        return path

    def popen(self, peer, argv, stdin, stdout, stderr, **login):
        return subprocess.Popen(argv, stdin=stdin, stdout=stdout,
                                stderr=stderr, env=peer.env(**login),
                                cwd=self.work)

    def call(self, peer, argv, stdin=b"", sink=None, **login):
        return processes.call(self, peer, argv, stdin, sink, **login)

    def converse(self, peer, argv, pieces):
        return processes.converse(self, peer, argv, pieces)

    def terminal(self, peer, argv, **login):
        return terminal.Terminal(argv, peer.env(**login), self.patience,
                                 self.work)

    def close(self):
        shutil.rmtree(self.work, ignore_errors=True)


def options():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--bin", metavar="DIR",
                   help="the folder of interop-server and interop-client")
    p.add_argument("-k", metavar="TEXT", action="append", default=[],
                   help="only tests whose name holds every TEXT")
    p.add_argument("--quick", action="store_true",
                   help="4 MiB where it is 64 MiB, fewer repetitions, and a\n"
                        "third of the algorithms with each partner")
    p.add_argument("--jobs", type=int, default=2, metavar="N",
                   help="so many partners at a time (%(default)s)")
    p.add_argument("--table", action="store_true",
                   help="write docs/interop.md of what this run sees; with -k\n"
                        "the rest of a row stays as it is")
    p.add_argument("--render", action="store_true",
                   help="write docs/interop.md of table.json only")
    p.add_argument("--section", default=userland(),
                   help="of that page (%(default)s)")
    p.add_argument("--list", action="store_true", help="print the names only")
    p.add_argument("--ssh", default="ssh", metavar="COMMAND",
                   help="another ssh, as 'chroot DIR /usr/bin/ssh'")
    p.add_argument("--root", default="/", metavar="DIR",
                   help="the root that this ssh sees; files go to DIR/tmp")
    p.add_argument("--user", default=getpass.getuser(),
                   help="the name to log in with")
    p.add_argument("--patience", type=float, default=60, metavar="SECONDS",
                   help="what moves nothing for so long hangs (%(default)s)")
    p.add_argument("--log", choices=["error", "info", "packet"],
                   help="the server's log level, shown with -v")
    p.add_argument("-v", "--verbose", action="store_true",
                   help="show a failed server's log and the traceback")
    return p.parse_args()


# ---- what is run, and how -------------------------------------------------

class Unit:
    """Cases that run one after the other: (name, function), or of a pair
    (name, column, detail, function)."""

    stays = 0                      # see peers.py
    pair = None

    def __init__(self, name, cases, peer=None, pair=None):
        self.name, self.make, self.pair = name, cases, pair
        self.missing = (pair or peer).missing if pair or peer else lambda: None
        self.stays = pair.client.stays if pair else peer.stays if peer else 0
        self.seen = table.Seen()

    def cases(self):
        for case in self.make():
            yield f"{self.name}{case[0]}", case[1:-1], case[-1]

    def perform(self, run, name, where, function):
        """True: passed; None: skipped; False: failed."""
        passed, why = None, None
        try:
            self.patiently(name, function)
            passed = True
            say(f"ok {name}")
        except Skipped as e:
            why = e.why if isinstance(e, NotSupported) else None
            say(f"skipped {name}: {e}")
        except (Failed, OSError, subprocess.SubprocessError) as e:
            why = self.known(where, str(e))
            passed = None if why else False
            say(f"skipped {name}: not supported by the peer: {why}" if why else
                f"FAILED {name} {e}")
            if run.verbose:
                traceback.print_exc()
        if where:
            self.seen.add(*where, bool(passed), why)
        return passed

    def known(self, where, text):
        return self.pair.known(where[0], text) if self.pair and where else None

    def patiently(self, name, function):
        """Once more for a peer that is known to stay when all has been said."""
        try:
            function()
        except Hangs as e:
            if not self.stays:
                raise
            say(f"once more: {name} {e}")
            function()

    def run(self, run, wanted):
        """The results of those of its cases that are wanted."""
        results = []
        for name, where, function in self.cases():
            if all(word in name for word in wanted):
                results.append(self.perform(run, name, where, function))
        if self.pair and results:
            results.append(self.perform(
                run, f"{self.name}the servers end in peace", (),
                self.pair.stop))
        return results


said = threading.Lock()


def say(text):
    with said:
        print(text, flush=True)


def all_units(run):
    """The long ones first."""
    for partner in reversed(cases_matrix.all_partners()):
        for role in partner.roles:
            pair = cases_matrix.Pair(run, partner, role)
            yield Unit(pair.name + ": ",
                       lambda pair=pair: cases_matrix.cases(pair), pair=pair)
    peers = [p(run) for p in PEERS]
    yield Unit("uvssh -> uvssh: ", lambda: cases_client.cases(run))
    yield Unit("", lambda: cases_abuse.cases(run, peers))
    for peer in peers:
        for module in (cases_transfer, cases_login, cases_channel):
            yield Unit(f"{peer.name} ",
                       lambda m=module, p=peer: m.cases(run, p), peer=peer)


def userland():
    """"Debian 12"."""
    words = {}
    try:
        with open("/etc/os-release") as f:
            words = dict(line.strip().split("=", 1) for line in f
                         if "=" in line)
    except FileNotFoundError:
        pass
    return " ".join(words.get(n, "").strip('"').split("/")[0].capitalize()
                    for n in ("ID", "VERSION_ID")).strip()


def here(units):
    """Those whose peer is there; says which are not."""
    told = set()
    for unit in units:
        why = unit.missing()
        if why is None:
            yield unit
        elif (line := f"skipped {unit.name.split(':')[0].strip()}: {why}") \
                not in told:
            told.add(line)
            say(line)


def the_page(run, a, units):
    """docs/interop.md says what was seen, or is made to."""
    data = table.load()
    found = data.setdefault(a.section, {})
    if a.table:
        for unit in (u for u in units if u.seen.cells or u.seen.lists):
            row = unit.seen.row(unit.pair, found.get(unit.pair.row))
            if "failed" not in row.values():
                found[unit.pair.row] = row
            else:
                say(f"no row: {unit.pair.row}")
        table.save(data)
        return []
    if a.quick or a.k:
        return []
    wrong = []
    for unit in units:
        want, got = found.get(unit.pair.row), unit.seen.row(unit.pair)
        if not want or want["version"] != got["version"]:
            continue
        other = [c for c in got if got[c] != want[c] and not (
            got[c] == "yes" and unit.pair.fails_by_chance(c))]
        if other:
            wrong.append(f"{unit.pair.row}: " + ", ".join(
                f"{c} is {got[c]}" for c in other))
    if wrong:
        say("FAILED docs/interop.md says what was seen: " + "; ".join(wrong) +
            " (run.py --table)")
    else:
        say("ok docs/interop.md says what was seen")
    return [not wrong]


def of_the_page(a):
    """Its rows and columns are those of the tests."""
    name = "docs/interop.md has a row for each pair"
    if a.table or not all(word in name for word in a.k):
        return []
    section = a.section if a.section in table.load() else "Debian 12"
    wrong = table.problems(section)
    say(f"FAILED {name}: {'; '.join(wrong)}" if wrong else f"ok {name}")
    return [not wrong]


def perform_all(run, a):
    units = list(here(all_units(run)))
    results = of_the_page(a)
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        waiting = [pool.submit(unit.run, run, a.k) for unit in units]
        try:
            for done in waiting:
                results += done.result()
        except BaseException:
            for other in waiting:
                other.cancel()
            raise
    pairs = [u for u in units if u.pair]
    return results + the_page(run, a, pairs)


def main():
    a = options()
    if a.render:
        table.save(table.load())
        return 0
    if a.bin is None:
        sys.exit("run.py: --bin says where the programs are")
    if shutil.which("ssh-keygen") is None:
        print("skipped interop: ssh-keygen is not here (openssh-client)\n"
              "0 passed, 0 failed")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # cleans up
    run = Run(a)
    try:
        if a.list:
            for unit in here(all_units(run)):
                print(*(name for name, _, _ in unit.cases()
                        if all(word in name for word in a.k)), sep="\n")
            return 0
        results = perform_all(run, a)
    finally:
        run.close()
    failed = results.count(False)
    print(f"{results.count(True)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
