"""Clients that leave, stay silent, flood, or speak something else."""
import os
import random
import select
import socket
import signal
import struct
import subprocess

from cases_channel import guarded
from servers import Skipped, check, same

IDENT = b"SSH-2.0-interop\r\n"
LISTS = (b"curve25519-sha256", b"ssh-ed25519", b"aes256-ctr", b"aes256-ctr",
         b"hmac-sha2-256", b"hmac-sha2-256", b"none", b"none", b"", b"")


def string(data):
    return struct.pack(">I", len(data)) + data


def packet(payload):
    """Before encryption: RFC 4253 section 6."""
    pad = 8 - (len(payload) + 5) % 8
    pad += 8 if pad < 4 else 0
    return (struct.pack(">IB", len(payload) + pad + 1, pad) + payload +
            bytes(pad))


def kexinit():
    return packet(b"\x14" + os.urandom(16) + b"".join(map(string, LISTS)) +
                  b"\0\0\0\0\0")


def kex_init():
    return packet(b"\x1e" + string(b"\x09" + bytes(31)))   # the base point


class Raw:
    """A TCP connection to the server."""

    def __init__(self, server):
        self.sock = socket.create_connection(("127.0.0.1", server.port),
                                             server.run.patience)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def read_to_end(self):
        """All until the server closes; a hang is a failure (timeout)."""
        got = b""
        while True:
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                return got
            if not data:
                return got
            got += data

    def read(self, least):
        got = b""
        while len(got) < least:
            data = self.sock.recv(65536)
            check(data, "the server closed")
            got += data
        return got

    def open(self):
        """The server has not closed it, as far as can be seen now."""
        while select.select([self.sock], [], [], 0)[0]:
            if not self.sock.recv(65536):
                return False
        return True

    def close(self, reset=False, fin=False):
        if fin:
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
        self.sock.close()


def cases(run, peers):
    def anyone():
        for peer in peers:
            if peer.missing() is None:
                return peer
        raise Skipped("no peer is here")

    def serves(server):
        peer = anyone()
        return run.call(peer, peer.argv(server, "noop")).code == 0

    def works(server):
        check(serves(server), "no login afterwards")

    def simple(function, *options):
        def case():
            with run.server(*options) as server:
                function(run, server, works)
        return case

    def with_paramiko(function, *options):
        def case():
            paramiko = next(p for p in peers if p.name == "paramiko")
            if paramiko.missing() is not None:
                raise Skipped(paramiko.missing())
            with run.server(*options) as server:
                function(run, server, works, paramiko)
        return case

    free = ("--preauth-per-source", 500, "--preauth-total", 500)
    yield "silent peers delay nobody", simple(silent)
    yield "a peer's reset raises no SIGPIPE", with_paramiko(resets, *free)
    for name, function in (("after TCP", tcp_only), ("after ident", ident_only),
                           ("mid-kex", mid_kex), ("late in kex", late_kex)):
        yield f"100 quick disconnects {name}", simple(storm(function), *free)
    for stage in ("none", "service", "session"):
        yield f"100 quick disconnects at login, {stage}", with_paramiko(
            storm_login(stage), *free)
    yield "drain", lambda: drain(run, anyone())
    yield "EMFILE", lambda: emfile(run, serves)
    yield "more connections than a source may have", simple(crowd)
    for name, data, code in GARBAGE:
        yield f"garbage: {name}", simple(garbage(data, code), *free)


def silent(run, server, works):
    peers = [Raw(server) for _ in range(20)]
    half = [Raw(server).send(IDENT[:7]) for _ in range(5)]
    for _ in range(5):
        works(server)
    server.wait("^closed .* phase=4 ", 5)
    check(all(p.open() for p in peers + half),
          "a silent peer was closed before others could log in")
    for p in peers + half:
        p.close()
    server.wait("^closed ", 30)


def resets(run, server, works, paramiko):
    for field in ("SigIgn", "SigCgt"):
        check(int(server.status(field), 16) >> (13 - 1) & 1 == 0,
              f"the library changed SIGPIPE: {field}")
    count = 5 if run.quick else 20
    for i in range(count):
        for how in ("rst", "fin"):
            argv = paramiko.argv(server, f"source {64 << 20}",
                                 options=["--reset", how])
            run.call(paramiko, argv)
    for i in range(200):
        raw = Raw(server)
        if i % 2:
            raw.send(IDENT + kexinit() + kex_init())
        if i % 4 > 1:
            raw.read(10)
        raw.close(reset=True, fin=i % 3 == 0)
    server.wait("^closed ", 2 * count)
    works(server)


def tcp_only(server):
    Raw(server).close()


def ident_only(server):
    Raw(server).send(IDENT).close()


def mid_kex(server):
    raw = Raw(server).send(IDENT + kexinit())
    raw.read(300)
    raw.close()


def late_kex(server):
    """The server has answered with its signature and waits for NEWKEYS."""
    raw = Raw(server).send(IDENT + kexinit() + kex_init())
    raw.close()


def grows(run, server, once, works):
    """The same again and again: what stays, stays each time."""
    once()
    works(server)
    for _ in range(5):
        before = server.memory()
        once()
        works(server)
        grown = server.memory() - before
        if run.sanitized or grown < 256 << 10:
            return
    check(False, f"memory grew by {grown} bytes, five times in a row")


def storm(function):
    def case(run, server, works):
        def once():
            mark = server.mark()
            for _ in range(100):
                function(server)
            server.wait("^(closed|accept) ", 100, mark)
        grows(run, server, once, works)
    return case


def storm_login(stage):
    def case(run, server, works, paramiko):
        def once():
            mark = server.mark()
            done = run.call(paramiko, paramiko.script(
                server, "--storm", stage, "--count", 100))
            same(done.code, 0, f"the storm ({done.err[-300:]})")
            server.wait("^closed ", 100, mark)
        grows(run, server, once, works)
    return case


def drain(run, peer):
    """No new connections; what runs goes on to its end, and then the server
    leaves."""
    with run.server() as server:
        client = run.popen(peer, peer.argv(server, "cat"), subprocess.PIPE,
                           subprocess.PIPE, subprocess.DEVNULL)
        with guarded(run, client):
            client.stdin.write(b"one")
            client.stdin.flush()
            same(client.stdout.read(3), b"one", "before")
            server.process.send_signal(signal.SIGINT)
            server.until(lambda: not listens(server), "it still listens")
            client.stdin.write(b"two")
            client.stdin.close()
            same(client.stdout.read(), b"two", "while it drains")
            same(client.wait(), 0, "exit code of the client")
        server.wait("^drained$")
        same(server.process.wait(run.patience), 0, "exit code of the server")


def listens(server):
    try:
        Raw(server).close()
        return True
    except ConnectionRefusedError:
        return False


def emfile(run, serves):
    """Fewer descriptors than connections, three times. What waits while there
    are none may be dropped; then all is as before."""
    nofile = 40
    with run.server("--preauth-per-source", 500, "--preauth-total", 500,
                    nofile=nofile) as server:
        for _ in range(3):
            flood = [Raw(server) for _ in range(100)]
            server.until(lambda: len(os.listdir(
                f"/proc/{server.pid}/fd")) >= nofile - 2, "no EMFILE")
            for raw in flood:
                raw.close()
            server.until(lambda: serves(server), "no login after the flood")


def crowd(run, server, works):
    """The limit holds, and it is not forever."""
    flood = [Raw(server).send(IDENT) for _ in range(64)]
    for raw in flood[32:]:
        raw.read_to_end()
    check(all(raw.open() for raw in flood[:32]), "one of the first was closed")
    for raw in flood:
        raw.close()
    server.wait("^closed ", 32)
    works(server)


def tls_hello():
    body = (b"\x03\x03" + bytes(range(32)) + b"\0" + b"\0\x02\x13\x01" +
            b"\x01\0")
    hello = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack(">H", len(hello)) + hello


random_bytes = random.Random(1)
GARBAGE = [
    ("HTTP request", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
     "UVSSH_EVERSION"),
    ("TLS hello", tls_hello(), "UVSSH_E"),
    ("random bytes", random_bytes.randbytes(4096), "UVSSH_E"),
    ("1 MB without a newline", b"A" * 1000000, "UVSSH_EVERSION"),
    ("SSH-1.5", b"SSH-1.5-old\r\n", "UVSSH_EVERSION"),
    ("a line without a version", b"SSH-2.0\r\n", "UVSSH_EVERSION"),
    ("NUL in the ident", b"SSH-2.0-a\0b\r\n", "UVSSH_E"),
    ("random packets", IDENT + random_bytes.randbytes(4096), "UVSSH_E"),
    ("a packet of 4 GiB", IDENT + b"\xff\xff\xff\xff" + bytes(64), "UVSSH_E"),
    ("a login before the keys", IDENT + kexinit() +
     packet(b"\x32" + string(b"root") + string(b"ssh-connection") +
            string(b"none")), "UVSSH_EUNEXPECTED"),
    ("exec before the keys", IDENT + kexinit() +
     packet(b"\x5a" + string(b"session") + bytes(12)), "UVSSH_EUNEXPECTED"),
    ("no common cipher", IDENT + packet(
        b"\x14" + bytes(16) + b"".join(map(string, (
            b"curve25519-sha256", b"ssh-ed25519", b"3des-cbc", b"3des-cbc",
            b"hmac-sha1", b"hmac-sha1", b"none", b"none", b"", b""))) +
        bytes(5)), "UVSSH_ENOALGO"),
]


def garbage(data, code):
    def case(run, server, works):
        raw = Raw(server).send(data)
        raw.read_to_end()
        raw.close()
        event = server.wait(r"^closed (\S+) phase=(\d) by_peer=(\d)")
        check(event.group(1).startswith(code), event.group(0))
        check(int(event.group(2)) <= 2, event.group(0))
        works(server)
    return case
