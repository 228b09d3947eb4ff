#!/usr/bin/python3
"""Paramiko by the contract of README.md.

Of its own it neither tells an exit-signal to a client nor sends DISCONNECT or
exit-signal; the last two are made here, of its messages."""
import base64
import hashlib
import os
import signal
import socket
import struct
import threading
import time

import paramiko
from paramiko import common

import contract
from contract import (LARGE, NO_STATUS, OF_NOTHING, PIECE, Sum, cannot, failed,
                      leave, say, wrong)

guard = None


def handle_request(channel, m):
    """Begins the program of a server behind the answer."""
    paramiko.Channel._handle_request(channel, m)
    command = channel.__dict__.pop("command", None)
    if command is not None:
        threading.Thread(target=execute, args=(channel, *command),
                         daemon=True).start()


class Transport(paramiko.Transport):
    """Counts its exchanges."""

    exchanges = -1                 # the first one is not counted

    def _parse_newkeys(self, m):
        self.exchanges += 1
        self.kex_name = self.name_of(self.kex_engine)
        super()._parse_newkeys(m)

    def name_of(self, engine):
        found = [n for n, c in self._kex_info.items() if type(engine) is c]
        return found[0] if len(found) == 1 else "-"

    if hasattr(paramiko.Transport, "_handler_table"):  # later: of each object
        _handler_table = dict(paramiko.Transport._handler_table)
        _handler_table[common.MSG_NEWKEYS] = _parse_newkeys
    _channel_handler_table = dict(paramiko.Transport._channel_handler_table)
    _channel_handler_table[common.MSG_CHANNEL_REQUEST] = handle_request


def prepare(transport, a):
    """The algorithms and the limit."""
    options = transport.get_security_options()
    for field, text in (("kex", a.kex), ("key_types", a.hostkey),
                        ("ciphers", a.cipher), ("digests", a.mac),
                        ("compression", a.compression)):
        if not text:
            continue
        try:
            setattr(options, field, contract.names(text))
        except ValueError:
            cannot(text)
    if a.rekey_bytes:
        transport.packetizer.REKEY_BYTES = a.rekey_bytes


def send(transport, kind, *fields):
    """A message: numbers, flags, text."""
    m = paramiko.Message()
    m.add_byte(kind)
    for field in fields:
        if isinstance(field, bool):
            m.add_boolean(field)
        elif isinstance(field, int):
            m.add_int(field)
        else:
            m.add_string(field)
    transport._send_user_message(m)


def load_key(path):
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key_file(path)
        except paramiko.SSHException:
            continue
    raise paramiko.SSHException("cannot read " + path)


# ---- client -----------------------------------------------------------------

def connect(a):
    t = Transport(socket.create_connection((a.host, a.port)))
    prepare(t, a)
    t.start_client(timeout=a.patience)
    key = t.get_remote_server_key()
    if fingerprint(key) != a.known:
        failed("the host key is another one")
    guard.moves("login")
    if a.key:
        t.auth_publickey(a.user, load_key(a.key))
    elif a.password is not None:
        t.auth_password(a.user, a.password, fallback=False)
    else:
        t.auth_none(a.user)
    if not t.is_authenticated():
        failed("not logged in")
    mac = t.local_mac if "gcm" not in t.local_cipher else "-"
    say(f"negotiated kex={t.kex_name} hostkey={t.host_key_type} "
        f"cipher={t.local_cipher} mac={mac}")
    return t


def fingerprint(key):
    total = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(total).decode().rstrip("=")


def begin(t, a, kind, what):
    guard.moves("the channel")
    channel = t.open_session()
    if kind == "exec":
        channel.exec_command(what)
    elif kind == "subsystem":
        channel.invoke_subsystem(what)
    else:
        channel.invoke_shell()
    guard.moves("the program")
    if a.rekey:
        t.renegotiate_keys()
    return channel


def read(function, sink):
    while True:
        data = function(PIECE)
        if not data:
            return
        guard.moves("data")
        sink(data)


def write_all(fd):
    def sink(data):
        while data:
            data = data[os.write(fd, data):]
    return sink


def write_stdin(channel):
    try:
        read(lambda n: os.read(0, n), channel.sendall)
        channel.shutdown_write()
    except OSError:
        pass                       # closed: the main thread tells


def copy(t, a):
    channel = begin(t, a, a.action, a.argument)
    threading.Thread(target=write_stdin, args=(channel,), daemon=True).start()
    other = threading.Thread(target=read, args=(
        channel.recv_stderr, write_all(2)))
    other.start()
    read(channel.recv, write_all(1))
    other.join()
    status = channel.recv_exit_status()
    if status >= 0:
        return status & 255
    if t.is_active() and a.action != "exec":
        return 0
    if not t.is_active():
        failed("connection lost")
    say("no status")
    return NO_STATUS


def near_the_end(channel, left):
    """Its thread waits for itself when the end of a channel meets an exchange
    that it began: it begins none any more."""
    if left < 3 << 20:
        channel.transport.packetizer.REKEY_BYTES = 1 << 40


def send_pattern(channel, size):
    left = size
    try:
        for piece in contract.pieces_of(size):
            channel.sendall(piece)
            guard.moves("sending")
            left -= len(piece)
            near_the_end(channel, left)
        channel.shutdown_write()
    except OSError:
        pass


def status_is(channel, want):
    got = channel.recv_exit_status()
    if got != want:
        wrong(f"exit status {got}, not {want}")


def up(t, a):
    channel = begin(t, a, "exec", "sink")
    send_pattern(channel, a.argument)
    answer = []
    read(channel.recv, answer.append)
    status_is(channel, 0)
    want = contract.digest_of(a.argument)
    if b"".join(answer).decode() != want + "\n":
        wrong("the server has another hash")
    print(want)
    return 0


def down(t, a):
    channel = begin(t, a, "exec", f"source {a.argument}")
    return take(channel, a.argument)


def both(t, a):
    channel = begin(t, a, "exec", "echo")
    threading.Thread(target=send_pattern, args=(channel, a.argument),
                     daemon=True).start()
    return take(channel, a.argument)


def take(channel, size):
    total = Sum(size)

    def sink(data):
        total.add(data)
        near_the_end(channel, size - total.came)
    read(channel.recv, sink)
    status_is(channel, 0)
    total.check()
    return 0


# ---- closing ----------------------------------------------------------------

def gone(t, channel):
    """Both sides have said CLOSE."""
    while t._channels.get(channel.chanid) is not None:
        if not t.is_active():
            wrong("the connection was lost")
        time.sleep(0.005)


def close_client_first(t, a):
    channel = begin(t, a, "exec", "cat")
    channel.sendall(b"hello")
    got = b""
    while len(got) < 5:
        got += channel.recv(5) or wrong("the end came")
    channel.eof_sent = True        # so that it sends no EOF of its own
    channel.close()
    gone(t, channel)


def close_server_first(t, a):
    channel = begin(t, a, "exec", "exit 7")
    read(channel.recv, lambda data: wrong("output came"))
    status_is(channel, 7)
    gone(t, channel)
    channel.close()


def close_both(t, a):
    channel = t.open_session()
    send(t, common.cMSG_CHANNEL_REQUEST, channel.remote_chanid, "exec", True,
         "noop")
    channel.close()
    gone(t, channel)


def close_eof_first(t, a):
    channel = begin(t, a, "exec", "sink")
    channel.shutdown_write()
    answer = []
    read(channel.recv, answer.append)
    status_is(channel, 0)
    if b"".join(answer).decode() != OF_NOTHING:
        wrong("other output came")
    channel.close()
    gone(t, channel)


def close_abruptly(t, a):
    channel = begin(t, a, "exec", f"source {LARGE}")
    channel.recv(1)
    if a.argument == "disconnect":
        send(t, common.cMSG_DISCONNECT, 11, "bye", "")
        t.close()
    else:
        t.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0))
        t.packetizer.close()
        t.sock.close()
    print("closed", a.argument)
    return 0


def close(t, a):
    if a.argument in ("disconnect", "abort"):
        return close_abruptly(t, a)
    {"client-first": close_client_first, "server-first": close_server_first,
     "both": close_both, "eof-first": close_eof_first}[a.argument](t, a)
    channel = begin(t, a, "exec", "noop")
    status_is(channel, 0)
    print("closed", a.argument)
    return 0


def client(a):
    run = {"up": up, "down": down, "both": both, "close": close}
    try:
        t = connect(a)
        code = run.get(a.action, copy)(t, a)
    except (paramiko.SSHException, OSError, EOFError) as e:
        failed(f"{type(e).__name__}: {e}")
    say("exchanges", t.exchanges)
    t.close()
    return code


# ---- server -----------------------------------------------------------------

class Server(paramiko.ServerInterface):
    def __init__(self, a):
        self.a, self.key = a, None
        if a.authorized:
            with open(a.authorized) as f:
                self.key = f.readline().split()[1]

    def get_allowed_auths(self, user):
        return ",".join(["publickey"] * (self.key is not None) +
                        ["password"] * (self.a.password is not None))

    def check_auth_publickey(self, user, key):
        return self.verdict(user, "publickey", key.get_base64() == self.key)

    def check_auth_password(self, user, password):
        return self.verdict(user, "password", password == self.a.password)

    def verdict(self, user, method, right):
        if not right:
            return paramiko.AUTH_FAILED
        self.login = f"{user} {method}"
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind, number):
        return (paramiko.OPEN_SUCCEEDED if kind == "session" else
                paramiko.OPEN_FAILED_UNKNOWN_CHANNEL_TYPE)

    def check_channel_exec_request(self, channel, line):
        return self.runs(channel, contract.command_of(line.decode()))

    def check_channel_shell_request(self, channel):
        return self.runs(channel, ("shell", ""))

    def check_channel_subsystem_request(self, channel, name):
        return self.runs(channel, ("echo", "") if name == "echo" else None)

    @staticmethod
    def runs(channel, command):
        channel.command = command
        return command is not None


def execute(channel, name, argument):
    try:
        status = globals()["run_" + name](channel, argument)
        with channel.lock:         # behind CLOSE nothing may be sent
            if status is not None and not channel.closed:
                channel.send_exit_status(status)
        channel.close()
    except (OSError, EOFError, paramiko.SSHException):
        channel.close()            # the client has gone


def received(channel):
    return iter(lambda: channel.recv(PIECE), b"")


def run_noop(channel, argument):
    return 0


def run_exit(channel, argument):
    return int(argument)


def run_signal(channel, argument):
    send(channel.transport, common.cMSG_CHANNEL_REQUEST, channel.remote_chanid,
         "exit-signal", False, argument, False, "", "")


def run_stderr(channel, argument):
    channel.sendall(b"out\n")
    channel.sendall_stderr(b"err\n")
    return 3


def run_sink(channel, argument):
    total = Sum(0)
    for data in received(channel):
        total.add(data)
    channel.sendall(total.total.hexdigest().encode() + b"\n")
    return 0


def run_source(channel, argument):
    for piece in contract.pieces_of(int(argument)):
        channel.sendall(piece)
    return 0


def run_echo(channel, argument):
    for data in received(channel):
        channel.sendall(data)
    return 0


run_cat = run_echo


def run_shell(channel, argument):
    channel.sendall(b"shell\n")
    text = b""
    for data in received(channel):
        *lines, text = (text + data).split(b"\n")
        for line in lines:
            if line == b"exit":
                return 0
            channel.sendall(line + b"\n")
    return 0


def serve(sock, a, key):
    try:
        t = Transport(sock)
        prepare(t, a)
        t.add_server_key(key)
        interface = Server(a)
        t.start_server(server=interface)
        while t.is_active() and not t.is_authenticated():
            time.sleep(0.005)
        if t.is_authenticated():
            say("login", interface.login)
        t.join()
    except (paramiko.SSHException, EOFError, OSError) as e:
        say("ended:", e)


def server(a):
    key = load_key(a.host_key)
    prepare(Transport(socket.socket()), a)     # or: cannot
    if not Transport.load_server_moduli() and "group-exchange" in (a.kex or ""):
        cannot("exchange groups: it has no moduli")
    listener = socket.create_server((a.host, a.port), backlog=128)
    signal.signal(signal.SIGTERM, lambda *_: leave(0))
    print("listening", listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, a, key),
                         daemon=True).start()


def main():
    global guard
    a = contract.parse()
    if a.role == "list":
        contract.list_names(kex=Transport._kex_info, hostkey=Transport._key_info,
                            cipher=Transport._cipher_info,
                            mac=Transport._mac_info,
                            compression=Transport._compression_info)
        return 0
    if a.role == "server":
        return server(a)
    guard = contract.Patience(a.patience)
    prepare(Transport(socket.socket()), a)
    return client(a)


if __name__ == "__main__":
    leave(main())
