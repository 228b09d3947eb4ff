"""SSH as far as it is spoken in the clear: the identification, KEXINIT and
what else may be said before NEWKEYS. No key, no cryptography. RFC 4253."""
import os
import socket
import struct

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG = 1, 2, 3, 4
SERVICE_REQUEST, SERVICE_ACCEPT, EXT_INFO = 5, 6, 7
KEXINIT, NEWKEYS, KEX_INIT, KEX_REPLY = 20, 21, 30, 31
USERAUTH_REQUEST, USERAUTH_SUCCESS, CHANNEL_OPEN, PING = 50, 52, 90, 192

LISTS = ("kex", "hostkey", "cipher_cs", "cipher_sc", "mac_cs", "mac_sc",
         "compression_cs", "compression_sc", "language_cs", "language_sc")

# What a server and a client of ours both speak.
OFFER = {"kex": ["curve25519-sha256"], "hostkey": ["ssh-ed25519"],
         "cipher_cs": ["chacha20-poly1305@openssh.com"],
         "mac_cs": ["hmac-sha2-256"], "compression_cs": ["none"]}

MARKS = {"c": ("kex-strict-c-v00@openssh.com", "kex-strict-c"),
         "s": ("kex-strict-s-v00@openssh.com", "kex-strict-s")}


class Closed(Exception):
    """The other side has closed; DISCONNECT's reason, or None."""

    def __init__(self, reason=None):
        super().__init__(f"closed, DISCONNECT {reason}")
        self.reason = reason


def string(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">I", len(data)) + data


def u32(number):
    return struct.pack(">I", number)


def packet(payload):
    padding = 4
    while (5 + len(payload) + padding) % 8:
        padding += 1
    return struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + \
        bytes(padding)


def kexinit(lists, follows=False):
    payload = bytes([KEXINIT]) + os.urandom(16)
    for name in LISTS:
        other = name.replace("_sc", "_cs")
        payload += string(",".join(lists.get(name, lists.get(other, []))))
    return payload + bytes([follows]) + u32(0)


def read_kexinit(payload):
    at, lists = 17, {}
    for name in LISTS:
        length, = struct.unpack_from(">I", payload, at)
        text = payload[at + 4:at + 4 + length].decode("ascii")
        lists[name] = text.split(",") if text else []
        at += 4 + length
    return lists


class Clear:
    """One connection. What is said waits until the next thing is read, so that
    it leaves in one piece."""

    def __init__(self, sock, patience):
        self.sock, self.have, self.out = sock, b"", b""
        sock.settimeout(patience)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.sock.close()

    def say_ident(self, name="SSH-2.0-audit"):
        self.out += name.encode() + b"\r\n"

    def say(self, number, body=b""):
        self.out += packet(bytes([number]) + body)

    def say_kexinit(self, lists):
        self.out += packet(kexinit(lists))

    def flush(self):
        out, self.out = self.out, b""
        try:
            self.sock.sendall(out)
        except (BrokenPipeError, ConnectionResetError):
            pass                   # it may have said why before

    def _more(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        except socket.timeout:
            raise AssertionError("nothing comes, and it does not close") \
                from None
        if not data:
            raise Closed()
        self.have += data

    def read_ident(self):
        self.flush()
        while b"\n" not in self.have:
            self._more()
        line, self.have = self.have.split(b"\n", 1)
        return line.rstrip(b"\r").decode("ascii")

    def read(self):
        """The payload of the next packet."""
        self.flush()
        while len(self.have) < 4:
            self._more()
        length, = struct.unpack(">I", self.have[:4])
        if length > 35000:
            raise Closed()         # it is encrypted from here on
        while len(self.have) < 4 + length:
            self._more()
        whole, self.have = self.have[:4 + length], self.have[4 + length:]
        payload = whole[5:4 + length - whole[4]]
        if payload[0] == DISCONNECT:
            raise Closed(struct.unpack_from(">I", payload, 1)[0])
        return payload

    def expect(self, number):
        payload = self.read()
        if payload[0] != number:
            raise AssertionError(f"message {payload[0]}, not {number}")
        return payload

    def end(self):
        """Reads until it has closed: the reason of DISCONNECT, or None; and the
        numbers that came before."""
        numbers = []
        try:
            while True:
                numbers.append(self.read()[0])
        except Closed as e:
            return e.reason, numbers


def judge(lists, role):
    """What the published scanner says (RUB-NDS/Terrapin-Scanner, 2023): a list
    of what makes the offer of this role ("c", "s") vulnerable; empty: it is
    not. A side is safe only where the other is strict, too."""
    if any(mark in lists["kex"] for mark in MARKS[role]):
        return []
    found = []
    for way in ("cs", "sc"):
        ciphers, macs = lists["cipher_" + way], lists["mac_" + way]
        if "chacha20-poly1305@openssh.com" in ciphers:
            found.append(f"ChaCha20-Poly1305 ({way})")
        if any(c.endswith("-cbc") or "-cbc@" in c for c in ciphers) and \
                any("-etm@" in m for m in macs):
            found.append(f"CBC with encrypt-then-MAC ({way})")
    return found
