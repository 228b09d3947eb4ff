#!/usr/bin/env python3
"""Interop: real clients against the library's server. Standard library only.

    run.py --bin BUILD/test/interop [--quick] [-k TEXT] [--list]

Prints `ok NAME`, `FAILED NAME reason` or `skipped NAME: reason`, and at the end
`N passed, N failed`. Everything happens on loopback and in a folder of its own;
no time is asserted: --patience only says when a hang counts as one."""
import argparse
import collections
import getpass
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
import cases_login
import cases_transfer
import terminal
from peers import PEERS, make
from servers import Failed, Hangs, Server, Skipped

Done = collections.namedtuple("Done", "code out err")


class Run:
    """What all tests share: the folder, the keys, how processes are run."""

    def __init__(self, a):
        self.bin = os.path.abspath(a.bin)
        self.ssh, self.root, self.user = a.ssh, a.root, a.user
        self.quick, self.patience = a.quick, a.patience
        self.verbose, self.log = a.verbose, a.log
        server = os.path.join(self.bin, "interop-server")
        if not os.path.exists(server):
            sys.exit(f"run.py: {server} is not there: build it, or see --bin")
        with open(server, "rb") as f:
            self.sanitized = b"__asan_init" in f.read()
        self.size = (4 if a.quick else 64) << 20
        folder = os.path.join(a.root, "tmp") if a.root != "/" else None
        self.work = tempfile.mkdtemp(prefix="uvssh-interop-", dir=folder)
        self.home = self.file("home")
        os.mkdir(self.home)
        self.host_key, self.key, self.other_key = (
            self.file(n) for n in ("host_key", "key", "other_key"))
        for path in (self.host_key, self.key, self.other_key):
            make("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "interop",
                 "-f", path)
        with open(self.host_key + ".pub") as f:
            self.host_line = " ".join(f.read().split()[:2])
        self.fingerprint = make("ssh-keygen", "-l", "-f",
                                self.host_key).split()[1]

    def file(self, name):
        return os.path.join(self.work, name)

    def server(self, *options, **more):
        return Server(self, *options, **more)

    def pattern(self, size):
        """A file of the bytes that `source` sends; see interop-streams.c."""
        path = self.file(f"pattern.{size}")
        if not os.path.exists(path):
            cases_transfer.write_pattern(path, size)
        return path

    def popen(self, peer, argv, stdin, stdout, stderr, **login):
        return subprocess.Popen(argv, stdin=stdin, stdout=stdout,
                                stderr=stderr, env=peer.env(**login),
                                cwd=self.work)

    def call(self, peer, argv, stdin=b"", sink=None, **login):
        """Run to the end. stdin: bytes or the name of a file; sink: called
        with each piece of stdout, which then is not kept."""
        out = []
        sink = sink or out.append
        with tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as typed:
            if isinstance(stdin, bytes):
                typed.write(stdin)
                typed.seek(0)
            else:
                typed = open(stdin, "rb")
            process = self.popen(peer, argv, typed, subprocess.PIPE, err,
                                 **login)
            guard = threading.Timer(
                min(self.patience, peer.stays or self.patience), process.kill)
            guard.start()
            try:
                for piece in iter(lambda: process.stdout.read1(1 << 20), b""):
                    sink(piece)
                code = process.wait()
            finally:
                hung = not guard.is_alive()
                guard.cancel()
                if process.poll() is None:
                    process.kill()
                    process.wait()
                process.stdout.close()
                typed.close()
            err.seek(0)
            text = err.read().decode(errors="replace")
        if hung:
            raise Hangs(f"hangs: {' '.join(argv[:1])} {text[-600:]}")
        return Done(code, b"".join(out), text)

    def terminal(self, peer, argv, **login):
        return terminal.Terminal(argv, peer.env(**login), self.patience,
                                 self.work)

    def close(self):
        shutil.rmtree(self.work, ignore_errors=True)


def options():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--bin", required=True, metavar="DIR",
                   help="the folder of interop-server")
    p.add_argument("-k", metavar="TEXT", action="append", default=[],
                   help="only tests whose name holds every TEXT")
    p.add_argument("--quick", action="store_true",
                   help="4 MiB where it is 64 MiB, fewer repetitions")
    p.add_argument("--list", action="store_true", help="print the names only")
    p.add_argument("--ssh", default="ssh", metavar="COMMAND",
                   help="another ssh, as 'chroot DIR /usr/bin/ssh'")
    p.add_argument("--root", default="/", metavar="DIR",
                   help="the root that this ssh sees; files go to DIR/tmp")
    p.add_argument("--user", default=getpass.getuser(),
                   help="the name to log in with")
    p.add_argument("--patience", type=float, default=120, metavar="SECONDS",
                   help="what hangs so long has failed (%(default)s)")
    p.add_argument("--log", choices=["error", "info", "packet"],
                   help="the server's log level, shown with -v")
    p.add_argument("-v", "--verbose", action="store_true",
                   help="show a failed server's log and the traceback")
    return p.parse_args()


def all_cases(run):
    """(name, peer or None, function) of everything, in order."""
    peers = [p(run) for p in PEERS]
    for module in (cases_transfer, cases_login, cases_channel):
        for peer in peers:
            for name, function in module.cases(run, peer):
                yield f"{peer.name} {name}", peer, function
    for name, function in cases_abuse.cases(run, peers):
        yield name, None, function


def patiently(peer, name, function):
    """Once more for a peer that is known to stay when all has been said."""
    try:
        function()
    except Hangs as e:
        if peer is None or not peer.stays:
            raise
        print(f"once more: {name} {e}", flush=True)
        function()


def perform(run, name, peer, function):
    """True: passed; None: skipped; False: failed."""
    try:
        patiently(peer, name, function)
    except Skipped as e:
        print(f"skipped {name}: {e}", flush=True)
        return None
    except (Failed, OSError, subprocess.SubprocessError) as e:
        print(f"FAILED {name} {e}", flush=True)
        if run.verbose:
            traceback.print_exc()
        return False
    print(f"ok {name}", flush=True)
    return True


def main():
    a = options()
    if shutil.which("ssh-keygen") is None:
        print("skipped interop: ssh-keygen is not here (openssh-client)\n"
              "0 passed, 0 failed")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # cleans up
    run = Run(a)
    results, told = [], set()
    try:
        for name, peer, function in all_cases(run):
            if not all(word in name for word in a.k):
                continue
            if a.list:
                print(name)
                continue
            if peer is None or peer.missing() is None:
                results.append(perform(run, name, peer, function))
            elif peer not in told:
                told.add(peer)
                print(f"skipped {peer.name}: {peer.missing()}")
    finally:
        run.close()
    failed = results.count(False)
    print(f"{results.count(True)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
