#!/usr/bin/env python3
"""Writes the seeds of test/fuzz/corpus/ that are made, not found.

    test/fuzz/corpus.py

A seed that exists is written again, the same; what else lies there stays. The
format of an input stands at the head of each target, and in world.h.
"""
import os
import re
import struct
import sys
import zlib

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def u32(value):
    return struct.pack(">I", value)


def s(value):
    value = value.encode() if isinstance(value, str) else value
    return u32(len(value)) + value


def save(target, name, data):
    folder = os.path.join(ROOT, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


# ---- records of world.h -----------------------------------------------------

def say(payload):
    return struct.pack(">H", len(payload)) + payload


def do(what, how=0):
    names = ("time mood answer channel session login writes jobs pieces batch "
             "lose honest memory").split()
    return bytes([0x80 | names.index(what), how])


# What the app decides by: three bits each, the first one lowest.
YES, LATER, NO, OTHER, STOP, SEND, CLOSE, END = range(8)


def mood(*decisions):
    value = 0
    for i, decision in enumerate(decisions):
        value |= decision << 3 * i
    size = (value.bit_length() + 7) // 8
    return b"".join(do("mood", b) for b in value.to_bytes(size, "big"))


# ---- messages ---------------------------------------------------------------

KEX = "curve25519-sha256,curve25519-sha256@libssh.org"
STRICT = ",ext-info-%s,kex-strict-%s-v00@openssh.com,kex-strict-%s"
CIPHERS = "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes256-ctr"
MACS = "hmac-sha2-256-etm@openssh.com,hmac-sha2-256"
POINT = bytes([9]) + bytes(31)
GROUPS = "diffie-hellman-group-exchange-sha256"
BLOB = s("ssh-ed25519") + s(bytes(range(32)))


def kexinit(kex=KEX, hostkey="ssh-ed25519", ciphers=CIPHERS, macs=MACS,
            follows=0, role=None):
    kex += STRICT % (role, role, role) if role else ""
    return (b"\x14" + bytes(16) + s(kex) + s(hostkey) + s(ciphers) * 2 +
            s(macs) * 2 + s("none") * 2 + s("") * 2 + bytes([follows]) + u32(0))


def userauth(method, rest=b"", user="user", service="ssh-connection"):
    return b"\x32" + s(user) + s(service) + s(method) + rest


def global_request(name, want=1, rest=b""):
    return b"\x50" + s(name) + bytes([want]) + rest


def channel_open(kind="session", number=0, window=1 << 21, packet=32768,
                 rest=b""):
    return b"\x5a" + s(kind) + u32(number) + u32(window) + u32(packet) + rest


def confirm(ours, number=7, window=1 << 20, packet=32768):
    return b"\x5b" + u32(ours) + u32(number) + u32(window) + u32(packet)


def refuse(ours, reason=4):
    return b"\x5c" + u32(ours) + u32(reason) + s("too many") + s("")


def adjust(to, n):
    return b"\x5d" + u32(to) + u32(n)


def data(to, text):
    return b"\x5e" + u32(to) + s(text)


def stderr(to, text, code=1):
    return b"\x5f" + u32(to) + u32(code) + s(text)


def eof(to):
    return b"\x60" + u32(to)


def close(to):
    return b"\x61" + u32(to)


def request(to, name, want=1, rest=b""):
    return b"\x62" + u32(to) + s(name) + bytes([want]) + rest


def pty(term="xterm", modes=b"\x80\0\0\x96\0\0"):
    return s(term) + u32(80) + u32(24) + u32(0) + u32(0) + s(modes)


OPEN = say(channel_open())
SHELL = say(request(0, "shell"))
NOISE = (say(b"\x02" + s("ignored")) + say(b"\x04\x01" + s("debug") + s("")) +
         say(b"\x03" + u32(3)) + say(b"\xc0" + s("ping")) +
         say(b"\xc1" + s("pong")) + say(b"\x7f") + say(b"\xdc"))
BYE = say(b"\x01" + u32(11) + s("bye \x1b[2J") + s(""))
REKEY = do("honest", 0) + do("honest", 1) + do("honest", 3)
REKEY_CLIENT = do("honest", 0) + do("honest", 2) + do("honest", 3)
SERVICE = say(b"\x05" + s("ssh-userauth"))
PASSWORD = userauth("password", b"\0" + s("word"))


# ---- seeds ------------------------------------------------------------------

def wire():
    fields = (b"\0\1" + b"\1" + u32(7) + b"\2" + s("text") + b"\3" + s("name") +
              b"\4" + s(b"\0\x80") + b"\5" + s("a,b,c"))
    save("wire", "cursor", b"\0" + fields)
    save("wire", "cursor-short", b"\0\2" + u32(9) + b"abc")
    for name, number in (("zero", b""), ("one", b"\1"), ("high", b"\0\xff"),
                         ("long", b"\0\1"), ("negative", b"\x80")):
        save("wire", "mpint-" + name, b"\1" + s(number))
    lists = ("", "a", "a,b", "a,,b", ",", "b,a,", "x" * 64, "x" * 65, "a b")
    for i, names in enumerate(lists):
        save("wire", f"namelist-{i}", b"\2" + s(names) + s("b,a"))
    save("wire", "namelist-real", b"\2" + s(CIPHERS) + s(MACS + "," + CIPHERS))


def escape():
    save("escape", "ascii", b"\xffplain text \\ and \t\r\n\0\x7f")
    save("escape", "terminal", b"\xff\x1b[2J\x1b]0;title\x07\x9b1m")
    save("escape", "utf8", b"\xff" + "\u00e4\u20ac\U0001f600".encode())
    save("escape", "direction", b"\x20" + "\u202e\u2066\u200b\ufeff".encode())
    save("escape", "overlong", b"\x40\xc0\x80\xe0\x80\x80\xed\xa0\x80\xf4\x90")
    save("escape", "cut", b"\x05\\\\\\\\\xe2\x82")


def key_blob():
    for name, blob in (("good", BLOB), ("trailing", BLOB + b"x"),
                       ("short", BLOB[:-1]), ("type", s("ssh-rsa") + s("x")),
                       ("small-order", BLOB[:19] + b"\1" + bytes(31))):
        save("key-blob", name, s(blob) + s(s("ssh-ed25519") + s(bytes(64))) +
             b"what is signed")
    point = bytes.fromhex(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
    ecdsa = s("ecdsa-sha2-nistp256") + s("nistp256")
    modulus = b"\0\x80" + bytes(254) + b"\1"
    rsa = s("ssh-rsa") + s(b"\1\0\1")
    for name, blob, algorithm, bare in (
            ("ecdsa", ecdsa + s(point), "ecdsa-sha2-nistp256",
             s(b"\1") + s(b"\2")),
            ("ecdsa-off", ecdsa + s(point[:-1] + b"\0"), "ecdsa-sha2-nistp256",
             s(b"\1") + s(b"\2")),
            ("ecdsa-curve", s("ecdsa-sha2-nistp384") + s("nistp256") +
             s(point), "ecdsa-sha2-nistp384", s("") + s("")),
            ("ecdsa-negative", ecdsa + s(point), "ecdsa-sha2-nistp256",
             s(b"\xff") + s(b"\0\1")),
            ("rsa", rsa + s(modulus), "rsa-sha2-512", bytes(256)),
            ("rsa-256", rsa + s(modulus), "rsa-sha2-256", b"\1" * 255),
            ("rsa-sha1", rsa + s(modulus), "ssh-rsa", bytes(256)),
            ("rsa-even", rsa + s(modulus[:-1] + b"\0"), "rsa-sha2-512", b""),
            ("rsa-small", rsa + s(modulus[:100] + b"\1"), "rsa-sha2-512", b"")):
        save("key-blob", name, s(blob) + s(s(algorithm) + s(bare)) +
             b"what is signed")
    save("key-blob", "signature-name", s(BLOB) + s(s("x") + s(bytes(64))))
    save("key-blob", "signature-short", s(BLOB) +
         s(s("ssh-ed25519") + s(bytes(63))))


def key_text():
    """A private key of each type: those of test/lib/keys.c."""
    path = os.path.join(os.path.dirname(ROOT), "../lib/keys.c")
    with open(path, encoding="utf-8") as f:
        rows = re.findall(r'\.name = "([^"]+)".*?\.text =(.*?),\n    \.line',
                          f.read(), re.S)
    for name, text in rows:
        text = "".join(f"{line}\n" for line in
                       re.findall(r'"(.*)\\n"', text)).encode()
        save("key-text", name, text)


def ident():
    for role in (0, 1):
        for name, text in (
                ("good", b"SSH-2.0-peer_1.0 comment\r\n\0\0\0\x0c"),
                ("lf", b"SSH-2.0-peer\nrest"), ("old", b"SSH-1.99-peer\r\n"),
                ("http", b"GET / HTTP/1.0\r\n"), ("nul", b"SSH-2.0-a\0b\r\n"),
                ("lines", b"welcome\r\nhere\nSSH-2.0-x\r\n"),
                ("long", b"SSH-2.0-" + b"x" * 260 + b"\r\n"),
                ("most", b"SSH-2.0-" + b"x" * 245 + b"\r\n")):
            save("ident", f"{name}-{role}", bytes([role, 3]) + text)


def kexinits():
    for role in (0, 1):
        mark = "sc"[role]
        for name, message in (
                ("good", kexinit(role=mark)), ("plain", kexinit()),
                ("ctr", kexinit(ciphers="aes256-ctr", role=mark)),
                ("guess", kexinit("x," + KEX, follows=1)),
                ("nothing", kexinit("x")), ("empty", kexinit("", "", "", "")),
                ("mark", kexinit("ext-info-c,ext-info-s")),
                ("short", kexinit()[:60]), ("trailing", kexinit() + b"x")):
            for how in (0, 4, 8):
                if how == 0 or name in ("good", "plain", "ctr"):
                    save("kexinit", f"{name}-{role}-{how}",
                         bytes([role | how]) + message)
        save("kexinit", f"later-{role}", bytes([role | 2]) + kexinit())


def packet():
    clear = u32(12) + b"\x06" + b"\x02\0\0\0\0" + bytes(6)
    save("packet", "clear", bytes([0, 0]) + clear * 3)
    save("packet", "clear-pieces", bytes([0, 5]) + clear * 3)
    for name, word in (("zero", u32(0)), ("huge", u32(0xfffffffc)),
                       ("limit", u32(34996)), ("above", u32(35004))):
        save("packet", "clear-" + name, bytes([0, 0]) + word + bytes(20))
    save("packet", "clear-padding", bytes([0, 0]) + u32(12) + b"\x0b" +
         bytes(11))
    good = say(b"\4" + b"message" + bytes(4))
    large = say(b"\5" + b"\x5e" * 2000 + bytes(5))
    odd = say(b"\xff" + bytes(4))
    spoiled = struct.pack(">H", 0x8000 | 12) + b"\4" + b"message" + bytes(4)
    for suite in range(5):
        for name, piece, records in (
                ("good", 0, good + large + good), ("odd", 0, good + odd),
                ("little", 0, good + say(b"\3" + b"message" + bytes(3))),
                ("pieces", 7, good + good + large),
                ("spoiled", 9, good + spoiled)):
            save("packet", f"{name}-{suite}",
                 bytes([suite | 16 | 8, piece]) + records)
        save("packet", f"raw-{suite}", bytes([suite, 11]) + bytes(range(90)))


def server_kex():
    first = say(kexinit(role="c"))
    full = first + say(b"\x1e" + s(POINT)) + say(b"\x15")
    save("server-kex", "full", do("honest", 0) + do("honest", 1) +
         do("honest", 3) + SERVICE + say(PASSWORD) + OPEN + SHELL)
    save("server-kex", "given", full + SERVICE)
    save("server-kex", "low-order", first + say(b"\x1e" + s(bytes(32))))
    save("server-kex", "plain", say(b"\x02" + s("x")) + say(kexinit()) +
         say(b"\x1e" + s(POINT)) + NOISE + say(b"\x15"))
    save("server-kex", "strict", say(b"\x02" + s("x")) + first)
    save("server-kex", "guess", say(kexinit("x," + KEX, follows=1)) +
         say(b"\x1e" + s("wrong")) + say(b"\x1e" + s(POINT)) + say(b"\x15"))
    save("server-kex", "job", do("jobs", 1) + first + do("batch", 2) +
         say(b"\x1e" + s(POINT)) + say(b"\x15") + do("jobs", 0) + SERVICE)
    groups = say(kexinit(GROUPS, role="c"))
    ask = say(b"\x22" + u32(2048) + u32(2048) + u32(8192))
    value = say(b"\x20" + s(bytes(range(1, 99))))
    save("server-kex", "group", groups + ask + value + say(b"\x15"))
    save("server-kex", "group-twice", groups + ask + ask)
    save("server-kex", "group-none", groups + say(b"\x22" + u32(9000) * 3))
    save("server-kex", "group-old", groups + say(b"\x1e" + u32(2048)))
    save("server-kex", "group-job", do("jobs", 1) + groups + ask + value +
         do("jobs", 0) + say(b"\x15"))
    for name, method, public in (
            ("sntrup", "sntrup761x25519-sha512", bytes(1158) + b"\x09" * 32),
            ("nist", "ecdh-sha2-nistp256", b"\4" + bytes(range(64))),
            ("modular", "diffie-hellman-group14-sha256", bytes(range(1, 99)))):
        save("server-kex", name, say(kexinit(method, role="c")) +
             say(b"\x1e" + s(public)))
    save("server-kex", "early", SERVICE + say(b"\x15"))
    save("server-kex", "late", do("time", 255) + do("time", 255))
    save("server-kex", "bye", BYE)


def group_seeds():
    groups = say(kexinit(GROUPS, role="s"))
    for name, p, g in (("small", b"\x0b", b"\2"), ("even", bytes(256), b"\2"),
                       ("odd", b"\0" + b"\xff" * 256, b"\2"),
                       ("negative", b"\xff" * 256, b"\1")):
        save("client-kex", "group-" + name, groups + say(b"\x1f" + s(p) + s(g)) +
             say(b"\x21" + s(BLOB) + s(POINT) + s("x")))
    for name in ("sntrup761x25519-sha512", "ecdh-sha2-nistp256",
                 "diffie-hellman-group14-sha256"):
        save("client-kex", name, say(kexinit(name, role="s")) + do("honest", 1) +
             do("honest", 3))


def server_login():
    key = b"\0" + s("ssh-ed25519") + s(BLOB)
    again = say(userauth("password", b"\1" + s("word") + s("new")))
    save("server-login", "password", SERVICE + say(PASSWORD) + OPEN + SHELL)
    save("server-login", "none", SERVICE + mood(NO) + say(userauth("none")) +
         say(PASSWORD))
    save("server-login", "key", SERVICE + say(userauth("publickey", key)) +
         do("honest", 6))
    save("server-login", "key-job", SERVICE + do("jobs", 1) + do("honest", 6) +
         say(PASSWORD) + do("jobs", 0) + do("time", 255))
    save("server-login", "key-forged", SERVICE +
         say(userauth("publickey", b"\1" + key[1:] +
                      s(s("ssh-ed25519") + s(bytes(64))))) + do("time", 255))
    save("server-login", "change", SERVICE + mood(SEND) + say(PASSWORD) + again)
    save("server-login", "unasked", SERVICE + again + do("time", 255))
    save("server-login", "partial", SERVICE + mood(OTHER) + do("honest", 6) +
         say(userauth("none")) + do("time", 255) + say(PASSWORD))
    save("server-login", "later", SERVICE + mood(LATER) + say(PASSWORD) +
         say(userauth("none")) + do("answer", NO) + do("time", 255))
    save("server-login", "pending", SERVICE + mood(LATER) + say(PASSWORD) +
         SERVICE + do("answer", YES))
    save("server-login", "expired", SERVICE + mood(LATER) + say(PASSWORD) +
         do("time", 255) + do("time", 255))
    save("server-login", "users", SERVICE + mood(OTHER) + do("honest", 6) +
         do("honest", 7))
    save("server-login", "tries", SERVICE + mood(*[NO] * 7) +
         (say(PASSWORD) + do("time", 255)) * 7)
    save("server-login", "info", say(b"\x07" + u32(1) + s("server-sig-algs") +
                                     s("ssh-ed25519")) + SERVICE + BYE)
    save("server-login", "service", say(b"\x05" + s("ssh-connection")))
    save("server-login", "method", SERVICE + say(userauth("hostbased")) +
         do("time", 255) + say(userauth("none", service="x")))
    save("server-login", "closes", SERVICE + mood(END) + say(PASSWORD))


def server_open():
    save("server-open", "shell", OPEN + say(request(0, "pty-req", 1, pty())) +
         say(request(0, "env", 0, s("LANG") + s("C"))) + SHELL +
         say(data(0, "ls\r")) + say(request(0, "window-change", 0,
                                            u32(1) + u32(2) + u32(3) * 2)) +
         say(request(0, "signal", 0, s("INT"))) +
         say(request(0, "break", 1, u32(500))) + say(eof(0)) +
         do("channel", 2) + do("channel", 4) + do("channel", 10) +
         say(close(0)))
    save("server-open", "exec", OPEN + say(request(0, "exec", 1, s("true"))) +
         say(request(0, "subsystem", 1, s("sftp"))) + do("channel", 26) +
         say(request(0, "eow@openssh.com", 0)) + say(close(0)))
    save("server-open", "echo", OPEN + mood(SEND, SEND) +
         say(data(0, "x" * 300)) + say(data(0, "y" * 300)) + say(eof(0)) +
         do("channel", 8) + say(close(0)))
    save("server-open", "later", mood(LATER, LATER) + OPEN +
         say(channel_open(number=1)) + do("answer", YES) + do("answer", NO) +
         mood(LATER, YES, LATER) + SHELL + say(request(0, "x@y")) +
         say(request(0, "env", 1, s("A") + s("B"))) + do("answer", 8) +
         do("answer", YES) + do("answer", YES))
    save("server-open", "stopped", mood(YES, STOP) + OPEN + say(data(0, "a")) +
         say(stderr(0, "b")) + say(stderr(0, "c", 9)) + say(close(0)) +
         do("channel", 0) + do("channel", 1) + do("channel", 0))
    save("server-open", "window", say(channel_open(window=5, packet=9)) +
         do("channel", 3) + say(adjust(0, 100)) + do("channel", 6) +
         say(adjust(0, 9000)) + say(adjust(0, 0xffffffff)))
    save("server-open", "writes", OPEN + do("writes", 1) + do("channel", 6) +
         do("channel", 3) + do("channel", 7) + do("channel", 5) +
         do("writes", 0) + do("channel", 11) + do("time", 255))
    save("server-open", "linger", say(channel_open(window=0)) +
         do("channel", 6) + do("channel", 3) + do("channel", 11) +
         do("time", 255) + say(data(0, "x")) + say(close(0)))
    save("server-open", "relay", OPEN + say(channel_open(number=1, window=9)) +
         do("channel", 1) + do("channel", 33) + do("channel", 30) +
         say(data(1, "z" * 90)) + say(data(0, "z" * 90)) + say(adjust(0, 999)) +
         say(eof(1)) + say(eof(0)) + say(close(1)))
    save("server-open", "relay-full", mood(YES, STOP, YES, STOP) + OPEN +
         say(channel_open(number=1, window=9)) + do("channel", 30) +
         say(data(1, "z" * 3000)) * 2 + say(data(0, "z" * 3000)) * 2 +
         say(adjust(0, 9000)) + say(eof(0)) + say(eof(1)) + do("channel", 12))
    save("server-open", "rekey", OPEN + REKEY + SHELL + do("session", 2) +
         do("channel", 3) + REKEY + say(data(0, "x")) + do("honest", 0) +
         OPEN + BYE)
    save("server-open", "rekey-job", do("jobs", 1) + OPEN + do("honest", 0) +
         do("honest", 1) + do("channel", 3) + do("jobs", 0) + do("honest", 3))
    save("server-open", "rekey-requests", OPEN + do("session", 2) +
         say(request(0, "x@y")) * 80)
    save("server-open", "global", mood(YES, NO) +
         say(global_request("tcpip-forward", 1, s("") + u32(0))) +
         say(global_request("x@y", 0, b"rest")) + do("session", 1) +
         say(b"\x51") + do("session", 1) + say(b"\x52") +
         say(global_request("keepalive@openssh.com")))
    save("server-open", "kinds", say(channel_open("x11")) +
         say(channel_open("x@y", rest=b"abc")) + say(channel_open(packet=1)))
    direct = s("example.com") + u32(22) + s("192.0.2.1") + u32(50000)
    save("server-open", "direct", say(channel_open("direct-tcpip",
                                                   rest=direct)) +
         say(data(0, "SSH-2.0-x\r\n")) + say(eof(0)) + say(close(0)))
    save("server-open", "direct-cut", say(channel_open("direct-tcpip",
                                                       rest=direct[:-1])))
    save("server-open", "direct-port", say(channel_open(
        "direct-tcpip", rest=direct[:-4] + u32(65536))))
    save("server-open", "many", b"".join(
        say(channel_open(number=i)) for i in range(8)) + say(close(2)))
    save("server-open", "unknown", say(data(9, "x")) + OPEN)
    save("server-open", "late-auth", say(PASSWORD) * 3 + NOISE)
    save("server-open", "batch", do("pieces", 9) + do("batch", 5) + OPEN +
         SHELL + say(data(0, "abc")) + say(eof(0)) + say(close(0)) + NOISE)
    save("server-open", "keepalive", do("time", 255) + do("time", 255) +
         say(b"\x52") + do("time", 255) * 5)
    save("server-open", "lost", OPEN + say(data(0, "abc")) + do("lose", 1))
    save("server-open", "lost-held", OPEN + do("channel", 1) +
         say(data(0, "abc")) + do("lose", 0) + do("channel", 0))
    save("server-open", "disconnect", OPEN + do("writes", 1) +
         do("channel", 3) + do("session", 5) + do("writes", 0) +
         do("time", 255))
    save("server-open", "configure", do("session", 4) + do("session", 0xc4) +
         mood(LATER) + OPEN + do("time", 20))
    save("server-open", "closes", mood(YES, YES, CLOSE, SEND, CLOSE) + OPEN +
         SHELL + say(data(0, "abc")) + say(close(0)))


def extensions():
    """OpenSSH's; the mutator puts real keys into them."""
    bound = "publickey-hostbound-v00@openssh.com"
    names = ("ping@openssh.com", "publickey-hostbound@openssh.com",
             "ext-info-in-auth@openssh.com")
    info = say(b"\x07" + u32(3) + b"".join(s(n) + s("0") for n in names))
    key = b"\0" + s("ssh-ed25519") + s(BLOB) + s(BLOB)
    save("server-login", "info-in-auth", info + SERVICE + say(PASSWORD))
    save("server-login", "bound", SERVICE + say(userauth(bound, key)))
    save("client-login", "info-in-auth", info + say(b"\x06" +
         s("ssh-userauth")) + do("login", 2) + info + do("honest", 5) + info +
         say(b"\x34") + do("session", 15))
    save("server-open", "prove", do("jobs", 1) + say(global_request(
         "hostkeys-prove-00@openssh.com", 1, s(BLOB))) + do("jobs", 0) +
         say(global_request("hostkeys-prove-00@openssh.com", 1)))
    save("server-open", "sessions", OPEN + say(global_request(
         "no-more-sessions@openssh.com", 0)) + OPEN + SHELL)
    save("client-open", "hostkeys", say(global_request(
         "hostkeys-00@openssh.com", 0, s(BLOB) + s("x"))) + say(b"\x51" +
         s(s("ssh-ed25519") + s(bytes(64)))))
    for role in ("server-open", "client-open"):
        save(role, "ping", do("session", 15) * 3 + say(b"\x52") +
             do("session", 2) + do("session", 15) + say(b"\xc1" + s("1234")))
    save("client-open", "sessions", do("session", 23) + do("session", 0))


def without_memory():
    """Each of some allocations fails."""
    for n in range(1, 9):
        no = do("memory", n)
        save("server-kex", f"memory-{n}", no + REKEY)
        save("client-kex", f"memory-{n}", no + REKEY_CLIENT)
        save("server-login", f"memory-{n}", SERVICE + no + do("honest", 6))
        save("server-open", f"memory-{n}", no + mood(STOP) + OPEN + SHELL +
             say(data(0, "abc")) + do("channel", 6))
        save("client-open", f"memory-{n}", no + do("session", 0) +
             say(confirm(0)) + do("channel", 3))


def client_kex():
    save("client-kex", "full", REKEY_CLIENT + do("honest", 4) + do("login", 1) +
         say(b"\x34") + do("session", 0) + say(confirm(0)))
    save("client-kex", "later", mood(LATER) + do("honest", 0) + do("batch", 1) +
         do("honest", 2) + say(b"\x15") + do("answer", YES))
    save("client-kex", "refused", mood(NO) + do("honest", 0) + do("honest", 2))
    save("client-kex", "refused-goes-on", mood(NO) + REKEY_CLIENT +
         do("honest", 4) + do("login", 1) + say(b"\x34") + do("session", 0))
    save("client-kex", "forged", say(kexinit(role="s")) +
         say(b"\x1f" + s(BLOB) + s(POINT) +
             s(s("ssh-ed25519") + s(bytes(64)))))
    save("client-kex", "job", do("jobs", 1) + do("honest", 0) +
         do("honest", 2) + do("jobs", 0) + do("honest", 3))
    save("client-kex", "guess", say(kexinit("x," + KEX, follows=1)) +
         say(b"\x1f" + s("wrong")) + do("honest", 2) + NOISE)
    save("client-kex", "twice", do("honest", 0) + do("honest", 2) +
         do("honest", 2))
    save("client-kex", "late", do("time", 255) + BYE)


def client_login():
    accept = say(b"\x06" + s("ssh-userauth"))
    failure = say(b"\x33" + s("publickey,password") + b"\0")
    partial = say(b"\x33" + s("password") + b"\1")
    change = say(b"\x3c" + s("choose another") + s(""))
    save("client-login", "password", accept + do("login", 1) + say(b"\x34") +
         do("session", 0) + say(confirm(0)))
    save("client-login", "none", accept + do("login", 0) + failure +
         do("login", 4) + partial + do("login", 0) + say(b"\x34"))
    save("client-login", "key", accept + do("login", 2) + do("honest", 5) +
         say(b"\x34"))
    save("client-login", "key-job", accept + do("jobs", 1) + do("login", 2) +
         do("honest", 5) + do("jobs", 0) + failure)
    save("client-login", "key-refused", accept + do("login", 2) + failure +
         do("login", 2) + say(b"\x3c" + s("ssh-ed25519") + s(BLOB)))
    save("client-login", "change", accept + do("login", 1) + change +
         say(b"\x34"))
    save("client-login", "change-later", accept + mood(LATER) + do("login", 1) +
         change + do("answer", YES) + change)
    save("client-login", "change-no", accept + mood(NO) + do("login", 1) +
         change + do("login", 2))
    banner = say(b"\x35" + s("hello \x1b[1m") + s(""))
    save("client-login", "banner", accept + banner + do("login", 1) + banner +
         say(b"\x34"))
    save("client-login", "banners", accept + banner * 18)
    save("client-login", "banner-early", banner + accept)
    save("client-login", "info", say(b"\x07" + u32(2) + s("server-sig-algs") +
                                     s("rsa-sha2-256") + s("x") + s("")) +
         accept + do("login", 2))
    save("client-login", "bye", accept + do("login", 1) + BYE)
    save("client-login", "lost", accept + do("login", 1) + do("lose", 0))


def client_open():
    opened = do("session", 0) + say(confirm(0))
    save("client-open", "unasked", b"".join(
        say(channel_open(kind)) for kind in (
            "session", "forwarded-tcpip", "x11", "auth-agent@openssh.com")) +
         say(channel_open("direct-tcpip", rest=s("h") + u32(1) + s("") +
                          u32(0))))
    save("client-open", "exec", opened + do("channel", 13) + say(b"\x63" +
                                                                u32(0)) +
         do("channel", 29) + do("channel", 2) + do("channel", 0) +
         say(data(0, "out")) + say(stderr(0, "err")) +
         say(request(0, "exit-status", 0, u32(3))) + say(eof(0)) +
         say(close(0)))
    for kind in range(8):
        save("client-open", f"ask-{kind}", opened + mood(kind) +
             do("channel", 13) + do("channel", 13) + say(b"\x63" + u32(0)))
    save("client-open", "signal", opened + do("channel", 0) +
         say(request(0, "exit-signal", 0, s("TERM") + b"\1" + s("why") +
                     s(""))) +
         say(close(0)))
    save("client-open", "refused", do("session", 0) * 2 + say(refuse(1)) +
         say(refuse(0, 1)) + opened)
    save("client-open", "cancelled", do("session", 0) + do("channel", 11) +
         say(confirm(0)) + say(close(0)))
    save("client-open", "failure", opened + do("channel", 13) * 3 +
         say(b"\x64" + u32(0)) + say(close(0)))
    save("client-open", "rekey", opened + do("channel", 6) + do("session", 2) +
         REKEY_CLIENT + REKEY_CLIENT + say(close(0)))
    save("client-open", "asked", say(channel_open()) +
         say(channel_open("x@y", rest=b"z")) +
         say(global_request("hostkeys-00@openssh.com", 0, s(BLOB))))
    save("client-open", "relay", opened + do("session", 0) +
         say(confirm(1, 8)) + do("channel", 14) + say(data(0, "abc")) +
         say(data(1, "abc")) +
         say(close(0)) + say(close(1)))
    save("client-open", "ends", opened + do("channel", 5) + do("session", 0) +
         do("session", 1) + do("lose", 2))
    save("client-open", "linger", do("session", 0) + say(confirm(0, window=1)) +
         do("channel", 3) + do("channel", 11) + do("time", 255) + say(close(0)))


# ---- a server, a client, and somebody between -------------------------------

MEDDLING = ("flip drop add repeat swap drop_packet repeat_packet swap_packets "
            "hold cut chunk time write open rekey ask shutdown close "
            "leave").split()


def act(what, a=0, b=0, c=0):
    return bytes([MEDDLING.index(what), a, b, c])


def tamper():
    """a: the side (1: the client's way), then what; see tamper.c."""
    def case(name, *acts, client=0, server=0, more=0):
        save("tamper", name, bytes([client, server, more]) + b"".join(acts))

    work = [act("open"), act("write", 0, 1, 9), act("write", 1, 2),
            act("rekey", 1), act("write", 0, 1), act("open", 2),
            act("write", 3, 9, 9), act("ask", 1), act("shutdown", 0),
            act("shutdown", 1)]
    for suite in range(5):
        for macs in range(3) if suite > 2 else (0,):
            case(f"plain-{suite}-{macs}", *work, client=suite, more=macs)
    case("none-in-common", act("time", 255), client=1, server=3)
    case("later", *work, more=0x80)
    case("often", *work * 2, more=0x30)
    case("password", *work, more=0x40)
    case("clear", act("flip", 0, 60, 1), act("time", 255))
    for n, what in enumerate(MEDDLING[:8]):
        for which in (0, 1):
            held = [act("hold", which, 1), act("write", which, 1),
                    act("write", which, 2), act("ask", which),
                    act(what, which, 3 + n, 17), act("hold", which, 0)]
            case(f"{what}-{which}", act("open"), *held, act("time", 255),
                 client=1 + n % 4, more=n % 3)
            case(f"{what}-{which}-early", act(what, which, 4 * n + 2, 9),
                 act("time", 255), client=1 + n % 4)
    case("shutdown-early", act("hold", 1, 1), act("open"), act("shutdown"))
    for how in range(3):
        case(f"cut-{how}", act("open"), act("cut", how & 1, 40, how),
             act("write", 0, 9), act("time", 255), act("time", 255))
    case("pieces", act("chunk", 0, 5), act("chunk", 1, 9), *work)
    case("close", act("open"), act("write", 0, 9), act("close", 0),
         act("leave", 1))


# ---- the small ones ---------------------------------------------------------

def seal():
    for suite in range(6):
        head = bytes([suite]) + u32(0xfffffffe) + bytes(range(16))
        sizes = b"".join(struct.pack(">HB", n, 9) + b"p" * n
                         for n in (0, 1, 181, 182, 183, 300))
        save("seal", f"sizes-{suite}", head + sizes)
        save("seal", f"wrong-{suite}", head + struct.pack(">HB", 40, 0) +
             b"q" * 40 + struct.pack(">HB", 0x8000 | 20, 3) + b"r" * 20 +
             b"\0\x49")


def text():
    names = ("", "a", "a,b,", ",", "a,,b", CIPHERS, "x" * 65, "a b", "\x7f")
    for i, mine in enumerate(names):
        save("text", f"lists-{i}", b"\0" + mine.encode() + b"\0b,aes256-ctr")
    save("text", "lists-order", b"\0x,a,b,c\0c,b,a")
    for i, mine in enumerate((KEX, CIPHERS, MACS, "none", "ssh-ed25519", "",
                              "aes256-ctr,")):
        save("text", f"algorithms-{i}", b"\1" + mine.encode())
    for i, mine in enumerate(("+aes256-ctr", "^hmac-sha2-256,none", "-*",
                              "-aes*-?cm*,chacha20*", "-!aes*", "+", "^,",
                              "+aes*", "-aes256-gcm", "-" + "*" * 65, "-none,zlib*")):
        save("text", f"prefs-{i}", b"\1" + mine.encode())
    for i, mine in enumerate(("", "QUJD", "QUI=", "QQ==", "QR==", "Q===",
                              "QUJD\r\nQUJD", "QU=J", "QUJDQ", "_-__")):
        save("text", f"base64-{i}", b"\2" + mine.encode())
    for i, mine in enumerate((b"QUJ\xab", b"QUJ\xaf", b"QUJD\0", b"\0QUJD")):
        save("text", f"base64-odd-{i}", b"\2" + mine)
    for i, mine in enumerate(("none", "publickey,password", "x,none")):
        save("text", f"methods-{i}", b"\3" + mine.encode())
    for i, mine in enumerate(("ssh-ed25519", "", "rsa-sha2-256", "a,,b")):
        save("text", f"info-{i}", b"\4" + u32(2) + s("x") + s("") +
             s("server-sig-algs") + s(mine))
    rest = b"uvssh_1\0be welcome\0aes256-ctr\0hmac-sha2-256"
    save("text", "config", b"\5" + bytes(9) + rest)
    save("text", "config-packet", b"\5\x84\0\0\x80\x20" + bytes(8) + rest)
    save("text", "config-lists", b"\5" + bytes(9) + rest + b",x")
    for i in range(9):
        for shift in (132, 145, 164):
            save("text", f"config-{i}-{shift}", b"\5" + bytes(i) +
                 bytes([shift, 0, 0, 0x10, 0]) + bytes(8 - i) + rest)


def requests():
    fields = (pty(), s("LANG") + s("C"), b"", s("true"), s("sftp"),
              u32(80) + u32(24) + u32(0) * 2, s("INT"), u32(500), u32(3),
              s("TERM") + b"\1" + s("why") + s("en"), b"")
    for i, these in enumerate(fields):
        save("request", f"request-{i}", bytes([i]) + these)
        save("request", f"request-{i}-long", bytes([i]) + these + b"x")
        save("request", f"request-{i}-short", bytes([i]) + these[:-1])
    for name, modes in (("twice", b"\1\0\0\0\2\1\0\0\0\3\0"),
                        ("odd", b"\xa0\1\0\0\0\2"), ("cut", b"\1\0\0")):
        save("request", f"modes-{name}", b"\0" + pty(modes=modes))
    host = s("host.example") + u32(22) + s("192.0.2.1") + u32(65535)
    for i, these in enumerate((b"", host, b"any")):
        which = next(n for n in range(128, 256) if n % 3 == i)
        save("request", f"open-{i}", bytes([which]) + these)
    save("request", "open-origin-port", b"\x82" + host[:-4] + u32(65536))
    save("request", "open-port", b"\x82" + s("h") + u32(65536) + s("") +
         u32(0))


def inflate():
    def flushed(*texts, how=zlib.Z_PARTIAL_FLUSH):
        z = zlib.compressobj(6)
        return b"".join(z.compress(t) + z.flush(how) for t in texts)

    for piece, most in ((0, 0), (6, 3), (255, 255)):
        for name, what in (("text", flushed(b"a message", b"another one")),
                           ("zeros", flushed(bytes(300000))),
                           ("ends", zlib.compress(b"the end") + b"and on"),
                           ("full", flushed(b"x", how=zlib.Z_FULL_FLUSH)),
                           ("stored", b"\x78\x01\0\3\0\xfc\xffabc"),
                           ("dictionary", b"\x79\xbb\0\0\0\1"),
                           ("distance", b"\x78\x9c\x4b\x04\x42\0"),
                           ("none", b"SSH is no zlib")):
            save("inflate", f"{name}-{most}", bytes([piece, most]) + what)


def script():
    reply = b"\x1f" + s(BLOB) + s(POINT) + s(s("ssh-ed25519") + s(bytes(64)))
    clear = u32(12) + b"\x06" + b"\x02\0\0\0\0" + bytes(6)
    save("script", "ident", b"\0SSH-2.0-peer\r\n" + clear * 2)
    save("script", "padding", b"\0SSH-2.0-peer\r\n" + u32(12) + b"\x0c" +
         bytes(11))
    save("script", "ident-long", b"\0SSH-2.0-" + b"x" * 300)
    for cipher in range(4):
        for role in (0, 8):
            messages = (say(kexinit(role="cs"[role == 0])) +
                        say(b"\x1e" + s(POINT)) + say(reply) +
                        say(b"\x5e" + u32(0) + s("data")) + BYE)
            save("script", f"sealed-{cipher}-{role}",
                 bytes([cipher | role | 16 | 32]) + messages)
            save("script", f"clear-{cipher}-{role}",
                 bytes([cipher | role | 32]) + messages)
        save("script", f"raw-{cipher}", bytes([cipher | 16]) + bytes(range(90)))


if len(sys.argv) != 1:
    print(__doc__.strip())
    sys.exit(0 if sys.argv[1] in ("-h", "--help") else 2)
for make in (wire, escape, key_blob, key_text, ident, kexinits, packet,
             server_kex, group_seeds, server_login, server_open, client_kex,
             client_login, client_open, extensions, without_memory, tamper,
             seal, text, requests, inflate, script):
    make()
