#!/usr/bin/env python3
"""Audit: what scanners say of our server and our client, and the strict key
exchange tried out on both from outside.

    run.py --bin BUILD/test/interop [TEXT ...]      only names with a TEXT

Everything is on loopback and in a folder of its own. No time is asserted:
--patience only says after how long without a byte a hang counts as one."""
import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "check"),
                os.path.join(HERE, "..", "interop")]

import clear  # noqa: E402
import report  # noqa: E402
import tool  # noqa: E402
from clear import Clear, OFFER, MARKS  # noqa: E402
from servers import Server  # noqa: E402


class World:
    """The folder, the keys, and how our two programs are run."""

    log = None
    verbose = False

    def __init__(self, bin_, patience):
        self.bin, self.patience = os.path.abspath(bin_), patience
        self.work = tempfile.mkdtemp(prefix="uvssh-audit-")
        self.host_key = os.path.join(self.work, "host_key")
        self.key = os.path.join(self.work, "key")
        for path in (self.host_key, self.key):
            report.command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                           path)

    def server(self, *options):
        return Server(self, *options)

    def client(self, port, *options):
        return subprocess.Popen(
            [os.path.join(self.bin, "interop-client"), "client", "--port",
             str(port), "--user", "root", "--password", "x", "--patience",
             str(int(self.patience)), *options, "exec", "true"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, cwd=self.work)

    def close(self):
        shutil.rmtree(self.work, ignore_errors=True)


def same(got, want, what):
    if got != want:
        report.failed(f"{what}: {got!r}, not {want!r}")


# ---- ssh-audit --------------------------------------------------------------

def policy(role):
    return "-P", os.path.join(HERE, role + ".policy")


def passed(status, text):
    if status != 0 or "Passed" not in text:
        report.failed(f"exit status {status}\n{text}")


def server_policy(world):
    tool.needed()
    with world.server() as server:
        passed(*tool.scan(server.port, world.patience, *policy("server")))


def server_policy_can_fail(world):
    """One cipher less, and it is told."""
    tool.needed()
    with world.server("--ciphers", "aes256-ctr") as server:
        status, text = tool.scan(server.port, world.patience,
                                 *policy("server"))
    if status == 0 or "Ciphers did not match" not in text:
        report.failed(f"exit status {status}\n{text}")


# hmac-sha2-256 stays for peers that have nothing better; the rest is newer than
# the scanner.
WARNINGS = {"hmac-sha2-256": "using encrypt-and-MAC mode",
            "hmac-sha2-512": "using encrypt-and-MAC mode",
            "mlkem768x25519-sha256": "unknown algorithm",
            "sntrup761x25519-sha512": "unknown algorithm",
            "sntrup761x25519-sha512@openssh.com":
                "using experimental algorithm",
            "kex-strict-s": "unknown algorithm",
            "kex-strict-s-v00@openssh.com": "unknown algorithm"}


# It calls NIST's curves weak for who has chosen them; some must have them.
FAILURES = {f"ecdh-sha2-nistp{bits}": "using weak elliptic curves"
            for bits in (256, 384, 521)}


def server_nothing_to_fail(world):
    """Its ordinary mode: no failure and no warning but for these."""
    tool.needed()
    with world.server() as server:
        status, text = tool.scan(server.port, world.patience, "-v")
    warned = dict(re.findall(r"^\(\w+\) (\S+) +-- \[warn\] (.*)$", text, re.M))
    failed = dict(re.findall(r"^\(\w+\) (\S+) +-- \[fail\] (.*)$", text, re.M))
    if text.count("[fail]") != len(failed) or "(cve)" in text or \
            status not in (0, 2, 3) or \
            not set(failed.items()) <= set(FAILURES.items()) or \
            not set(warned.items()) <= set(WARNINGS.items()):
        report.failed(f"exit status {status}\n{text}")


def client_policy(world):
    tool.needed_module()

    def connect(port):
        with world.client(port) as client:
            client.communicate(timeout=world.patience * 2)
    passed(*tool.scan_client(world.patience, connect, *policy("client")))


# ---- the strict exchange from outside ---------------------------------------

class ToServer:
    """We are the client."""

    ours, theirs = "c", "s"

    def __init__(self, world, *options):
        self.world = world
        self.server = world.server(*options)

    def __enter__(self):
        self.server.__enter__()
        sock = socket.create_connection(("127.0.0.1", self.server.port))
        self.wire = Clear(sock, self.world.patience)
        return self.wire

    def __exit__(self, *what):
        self.wire.sock.close()
        self.server.__exit__(*what)


class ToClient:
    """We are the server."""

    ours, theirs = "s", "c"

    def __init__(self, world, *options):
        self.world, self.options = world, options

    def __enter__(self):
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(self.world.patience)
        with listener:
            self.process = self.world.client(listener.getsockname()[1],
                                             *self.options)
            sock, _ = listener.accept()
        self.wire = Clear(sock, self.world.patience)
        return self.wire

    def __exit__(self, kind, value, trace):
        self.wire.sock.close()
        _, err = self.process.communicate(timeout=self.world.patience * 2)
        if kind is None and (self.process.returncode != 255 or
                             "Sanitizer" in err or "runtime error" in err):
            report.failed(f"the client ended with {self.process.returncode}: "
                          f"{err}")


def offer(side, marks):
    return dict(OFFER, kex=OFFER["kex"] + list(marks))


def not_vulnerable(world, side):
    """The judgement of the published scanner, by what is offered."""
    with side(world) as wire:
        wire.say_ident()
        wire.read_ident()
        lists = clear.read_kexinit(wire.expect(clear.KEXINIT))
    print(f"  {side.theirs}: {lists['kex']} {lists['cipher_cs']} "
          f"{lists['mac_cs']}")
    same(clear.judge(lists, side.theirs), [], "vulnerable to Terrapin")
    for mark in MARKS[side.theirs]:
        if mark not in lists["kex"]:
            report.failed(f"{mark} is not offered: {lists['kex']}")
    without = dict(lists, kex=["curve25519-sha256"])
    if not clear.judge(without, side.theirs):
        report.failed("the judgement cannot fail")


def text(data=b""):
    return clear.string(data)


INJECTED = (
    ("IGNORE", clear.IGNORE, text()),
    ("DEBUG", clear.DEBUG, b"\0" + text() + text()),
    ("UNIMPLEMENTED", clear.UNIMPLEMENTED, clear.u32(0)),
    ("PING", clear.PING, text()),
    ("EXT_INFO", clear.EXT_INFO, clear.u32(0)),
    ("a second KEXINIT", clear.KEXINIT, None),
    ("an early NEWKEYS", clear.NEWKEYS, b""),
    ("a login", clear.USERAUTH_REQUEST,
     text(b"root") + text(b"ssh-connection") + text(b"none")),
    ("SUCCESS", clear.USERAUTH_SUCCESS, b""),
    ("a channel", clear.CHANNEL_OPEN,
     text(b"session") + clear.u32(0) + clear.u32(1000) + clear.u32(32768)),
)


def ended(wire, side, what):
    """By DISCONNECT 2, and without a word of a login before it."""
    reason, numbers = wire.end()
    same(reason, 2, f"{what}: reason")
    if any(n in (clear.SERVICE_ACCEPT, clear.SERVICE_REQUEST) or n >= 50
           for n in numbers):
        report.failed(f"{what}: it went on: {numbers}")


def begin(wire, lists):
    wire.say_ident()
    wire.read_ident()
    wire.expect(clear.KEXINIT)
    if lists is not None:
        wire.say_kexinit(lists)


def injected(world, side, early, marks):
    """Before our KEXINIT, or behind it."""
    for name, number, body in INJECTED:
        what = f"{name} {'before' if early else 'behind'} KEXINIT, {marks}"
        lists = offer(side, marks)
        with side(world) as wire:
            begin(wire, None if early else lists)
            if body is None:
                wire.say_kexinit(lists)
            else:
                wire.say(number, body)
            if early:
                wire.say_kexinit(lists)
            ended(wire, side, what)


def goes_on(world, side):
    """Without the mark an IGNORE is none of its business: the exchange goes on
    to where we would need keys."""
    with side(world) as wire:
        begin(wire, None)
        wire.say(clear.IGNORE, text())
        wire.say_kexinit(OFFER)
        wire.say(clear.IGNORE, text())
        if side is ToServer:
            wire.say(clear.KEX_INIT, text(b"\x09" + bytes(31)))
            wire.expect(clear.KEX_REPLY)
        else:
            wire.expect(clear.KEX_INIT)
            wire.say(clear.IGNORE, text())
            wire.say(clear.KEX_REPLY, text(b"no key") + text(bytes(32)) +
                     text(b"no signature"))
            reason, _ = wire.end()
            if reason not in (2, 3):
                report.failed(f"reason {reason}")


def required(world, side):
    """A peer without the mark is refused where that is asked for."""
    with side(world, "--require-strict") as wire:
        begin(wire, OFFER)
        reason, numbers = wire.end()
        same((reason, numbers), (3, []), "without the mark")
    with side(world, "--require-strict") as wire:
        begin(wire, offer(side, MARKS[side.ours][:1]))
        wire.say(clear.IGNORE, text())
        ended(wire, side, "with the mark")


def wrong_mark(world, side):
    """The other role's mark is none."""
    with side(world, "--require-strict") as wire:
        begin(wire, offer(side, MARKS[side.theirs]))
        same(wire.end()[0], 3, "reason")


# ---- all --------------------------------------------------------------------

def cases():
    yield "ssh_audit_server_policy", server_policy
    yield "ssh_audit_server_policy_can_fail", server_policy_can_fail
    yield "ssh_audit_server_nothing_to_fail", server_nothing_to_fail
    yield "ssh_audit_client_policy", client_policy
    for role, side in (("server", ToServer), ("client", ToClient)):
        def add(function, *more, side=side):
            return lambda world: function(world, side, *more)
        yield f"terrapin_{role}_is_not_vulnerable", add(not_vulnerable)
        for when in ("before", "behind"):
            for i, spelling in enumerate(("v00", "standard")):
                yield (f"strict_{role}_{when}_kexinit_{spelling}",
                       add(injected, when == "before",
                           MARKS[side.ours][i:i + 1]))
        yield f"strict_{role}_goes_on_without_it", add(goes_on)
        yield f"strict_{role}_requires_it", add(required)
        yield f"strict_{role}_takes_the_right_mark_only", add(wrong_mark)


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--bin", required=True, metavar="DIR",
                   help="the folder of interop-server and interop-client")
    p.add_argument("--patience", type=float, default=60, metavar="SECONDS")
    p.add_argument("names", nargs="*", metavar="TEXT")
    a = p.parse_args()
    world = World(a.bin, a.patience)
    try:
        for name, case in cases():
            if not a.names or any(text in name for text in a.names):
                report.run(name, case, world)
    finally:
        world.close()
    report.end()


main()
