"""What the peers in Python share: the command line of the contract (README.md),
the pattern, and the end of what makes no progress. Standard library only."""
import argparse
import array
import hashlib
import os
import sys
import threading
import time

LARGE = 64 << 20
PIECE = 1 << 16
OF_NOTHING = hashlib.sha256().hexdigest() + "\n"
WRONG, USAGE, CANNOT, TIMEOUT, NO_STATUS, FAILED = 1, 2, 77, 124, 254, 255
ACTIONS = {"exec": 1, "shell": 0, "subsystem": 1, "up": 1, "down": 1,
           "both": 1, "close": 1}
ORDERS = ("client-first", "server-first", "both", "eof-first", "disconnect",
          "abort")
COMMANDS = ("noop", "exit", "signal", "stderr", "sink", "source", "echo", "cat")


def leave(code):
    """Without waiting for threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def say(*words):
    """A line of its own on stderr, also when several threads say one."""
    os.write(2, (" ".join(map(str, words)).replace("\n", " ") + "\n").encode())


def cannot(what):
    say("cannot:", what)
    leave(CANNOT)


def failed(what, code=FAILED):
    say("failed:", what)
    leave(code)


def wrong(what):
    failed(what, WRONG)


class Patience:
    """Ends the process once nothing has moved for so long."""

    def __init__(self, seconds):
        self.seconds, self.last = seconds, time.monotonic()
        self.where = "connection"
        threading.Thread(target=self._watch, daemon=True).start()

    def moves(self, where):
        self.last, self.where = time.monotonic(), where

    def _watch(self):
        while time.monotonic() - self.last < self.seconds:
            time.sleep(0.2)
        say("timeout:", self.where)
        leave(TIMEOUT)


def pattern(at, size):
    """The bytes from this offset on, which is a multiple of 8."""
    words = array.array("Q", range(at // 8, (at + size + 7) // 8))
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()[:size]


def pieces_of(size):
    for at in range(0, size, PIECE):
        yield pattern(at, min(PIECE, size - at))


def digest_of(size):
    total = hashlib.sha256()
    for piece in pieces_of(size):
        total.update(piece)
    return total.hexdigest()


class Sum:
    """Takes what comes; says whether it is the pattern."""

    def __init__(self, size):
        self.size, self.came, self.total = size, 0, hashlib.sha256()

    def add(self, data):
        self.came += len(data)
        self.total.update(data)

    def check(self):
        """Prints the hash."""
        if self.came != self.size:
            wrong(f"{self.came} bytes came, not {self.size}")
        if self.total.hexdigest() != digest_of(self.size):
            wrong("other bytes came")
        print(self.total.hexdigest(), flush=True)


def command_of(line):
    """(name, argument) of a command that servers know, or None."""
    name, _, argument = line.partition(" ")
    return (name, argument) if name in COMMANDS else None


def parse():
    role = sys.argv[1] if len(sys.argv) > 1 else "none"
    p = argparse.ArgumentParser(usage="%(prog)s client|server|list ...")
    for name in ("--host", "--user", "--password", "--key", "--known", "--kex",
                 "--hostkey", "--cipher", "--mac", "--compression",
                 "--host-key", "--authorized"):
        p.add_argument(name)
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--rekey-bytes", type=int, default=0)
    p.add_argument("--patience", type=float, default=60)
    p.add_argument("--rekey", action="store_true")
    p.add_argument("action", nargs=argparse.REMAINDER)
    a = p.parse_args(sys.argv[2:])
    a.role, a.host = role, a.host or "127.0.0.1"
    if a.role in ("server", "list"):
        return a
    if a.role != "client":
        p.error("client, server or list?")
    if not a.action or ACTIONS.get(a.action[0]) != len(a.action) - 1:
        p.error("actions: " + ", ".join(ACTIONS))
    a.argument = a.action[-1]
    a.action = a.action[0]
    if a.action == "close" and a.argument not in ORDERS:
        p.error("orders: " + ", ".join(ORDERS))
    if a.action in ("up", "down", "both"):
        a.argument = int(a.argument)
    return a


def names(text):
    """A comma list; None: the defaults."""
    return text.split(",") if text else None


def list_names(**lists):
    for what, known in lists.items():
        print(what, ",".join(k if isinstance(k, str) else k.decode()
                             for k in known))
