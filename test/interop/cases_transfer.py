"""Each peer with each cipher: exec, shell, many bytes each way, re-exchange."""
import array
import functools
import hashlib
import sys

import offer
from servers import Skipped, check, same

PIECE = 1 << 20
KEX = ("mlkem768x25519-sha256", "sntrup761x25519-sha512",
       "sntrup761x25519-sha512@openssh.com", "curve25519-sha256",
       "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256",
       "ecdh-sha2-nistp384", "ecdh-sha2-nistp521")


def write_pattern(path, size):
    """64-bit counters, little-endian, as interop-streams.c makes them."""
    with open(path, "wb") as f:
        for at in range(0, size, PIECE):
            words = array.array("Q", range(at // 8, (at + PIECE) // 8))
            if sys.byteorder == "big":
                words.byteswap()
            f.write(words.tobytes()[:size - at])


@functools.lru_cache(maxsize=None)
def digest(path):
    total = hashlib.sha256()
    with open(path, "rb") as f:
        for piece in iter(lambda: f.read(PIECE), b""):
            total.update(piece)
    return total.hexdigest()


class Counter:
    """Takes the output: its size and hash."""

    def __init__(self):
        self.size, self.sum = 0, hashlib.sha256()

    def __call__(self, piece):
        self.size += len(piece)
        self.sum.update(piece)


def receive(run, peer, argv, stdin, want_path, want_size):
    got = Counter()
    done = run.call(peer, argv, stdin=stdin, sink=got)
    same(got.size, want_size, f"bytes received (stderr: {done.err[-300:]})")
    same(got.sum.hexdigest(), digest(want_path), "SHA-256 of what came")
    same(done.code, 0, f"exit code (stderr: {done.err[-300:]})")


def down(run, peer, server, size, command="source", **more):
    receive(run, peer, peer.argv(server, f"{command} {size}", **more),
            "/dev/null", run.pattern(size), size)


def up(run, peer, server, size, **more):
    path = run.pattern(size)
    done = run.call(peer, peer.argv(server, "sink", **more), stdin=path)
    same(done.out.decode().strip(), digest(path),
         f"SHA-256 of what the server got (stderr: {done.err[-300:]})")
    same(done.code, 0, "exit code")


def both(run, peer, server, size, command="echo", **more):
    path = run.pattern(size)
    receive(run, peer, peer.argv(server, command, **more), path, path, size)


@functools.lru_cache(maxsize=None)
def first_common_kex(run, peer):
    """The client's first that a server of ours has by default (RFC 4253 section
    7.1)."""
    return next(name for name in offer.of_client(run, peer)["kex"]
                if name in KEX)


def agreed(run, peer, server, cipher, mac):
    done = run.call(peer, peer.argv(server, "info"))
    text = done.out.decode()
    check(f"cipher={cipher}/{cipher} mac={mac}/{mac} " in text, text, done.err)
    check(f"kex={first_common_kex(run, peer)} " in text, text)


def exec_and_exit(run, peer, server):
    done = run.call(peer, peer.argv(server, "noop"))
    same((done.code, done.out), (0, b""), f"noop ({done.err[-300:]})")
    done = run.call(peer, peer.argv(server, "exit 7"))
    same((done.code, done.out), (7, b""), f"exit 7 ({done.err[-300:]})")


def shell(run, peer, server):
    done = run.call(peer, peer.argv(server), stdin=b"one\ntwo words\nexit\n")
    same((done.code, done.out), (0, b"shell\none\ntwo words\n"),
         f"the shell ({done.err[-300:]})")


def exchanges(server, mark, size):
    """Both sessions since `mark` have exchanged keys, and not only once in a
    large transfer: a peer may have whole windows on their way meanwhile."""
    least = max(1, size >> 23)
    got = [int(server.wait(r"^closed .* rekeys=(\d+)", n, mark).group(1))
           for n in (1, 2)]
    check(min(got) >= least, f"exchanges: {got}, at least {least} expected")


def old_kex_name(run, peer):
    with run.server("--kex", "curve25519-sha256@libssh.org") as server:
        done = run.call(peer, peer.argv(server, "info"))
        check(b"kex=curve25519-sha256@libssh.org " in done.out, done.out,
              done.err[-300:])


def strict(run, peer):
    with run.server("--require-strict") as server:
        done = run.call(peer, peer.argv(server, "info"))
        if peer.strict:
            check(b" strict=1 " in done.out, done.out, done.err[-300:])
        else:
            same(done.out, b"", "stdout")
            server.wait(r"^closed UVSSH_\w+ phase=2 by_peer=0 reason=3 ")


def cases(run, peer):
    yield "the first name of the key exchange", functools.partial(
        old_kex_name, run, peer)
    yield "strict key exchange", functools.partial(strict, run, peer)
    for cipher, mac in peer.ciphers:
        options = ["--ciphers", cipher] + (["--macs", mac] if mac else [])
        yield from cases_of(run, peer, cipher, mac, options)


def cases_of(run, peer, cipher, mac, options):
    size = max(run.size // 4, 4 << 20)     # the matrix moves all of it
    large_enough = max(size, 8 << 20)
    # ssh's sntrup761 takes 0.1 s; Paramiko knows the older name only
    plain = ["--kex", "curve25519-sha256,curve25519-sha256@libssh.org"]
    limit = max(size // 64, 256 << 10)
    title = " ".join(filter(None, (cipher.split("@")[0],
                                   mac.replace("hmac-sha2-256", "hmac")
                                   .split("@")[0])))

    def small():
        with run.server(*options) as server:
            agreed(run, peer, server, cipher, mac)
            exec_and_exit(run, peer, server)
            shell(run, peer, server)

    def large(function, **more):
        def case():
            with run.server(*options, *plain) as server:
                function(run, peer, server, size, **more)
        return case

    def rekey_by_server():
        with run.server(*options, *plain, "--rekey-bytes", limit) as server:
            mark = server.mark()
            up(run, peer, server, size)
            down(run, peer, server, size)
            exchanges(server, mark, size)

    def rekey_by_client():
        more = peer.rekey(limit, large_enough)
        if more is None:
            raise Skipped("its limit cannot be set")
        with run.server(*options, *plain) as server:
            mark = server.mark()
            up(run, peer, server, large_enough, **more)
            down(run, peer, server, large_enough, **more)
            exchanges(server, mark, large_enough)

    def rekey_by_both():
        more = peer.rekey(limit, size) if peer.both_rekey else None
        more = more or {}
        with run.server(*options, *plain, "--rekey-bytes", limit) as server:
            mark = server.mark()
            both(run, peer, server, size, **more)
            both(run, peer, server, size, command="cat", **more)
            exchanges(server, mark, size)

    mib = size >> 20
    yield f"{title} exec and shell", small
    yield f"{title} {mib} MiB up", large(up)
    yield f"{title} {mib} MiB down", large(down)
    yield f"{title} {mib} MiB both ways at once", large(both)
    yield f"{title} re-exchange by the server", rekey_by_server
    yield f"{title} re-exchange by the client", rekey_by_client
    yield f"{title} re-exchange by both while echoing", rekey_by_both
