#!/usr/bin/python3
"""AsyncSSH by the contract of README.md.

It can do all of it but: it always waits for the answer to a request (`close
both`), and it has no function that starts an exchange; the counter that starts
one is set instead."""
import asyncio
import os
import signal
import socket
import struct
import sys
import warnings

warnings.filterwarnings("ignore")
import asyncssh  # noqa: E402
from asyncssh import (compression, connection, encryption, kex,  # noqa: E402
                      mac, public_key)

import contract  # noqa: E402
from contract import (LARGE, NO_STATUS, OF_NOTHING, PIECE, Sum,  # noqa: E402
                      cannot, failed, leave, say, wrong)

guard = None


def count_exchanges():
    """There is no event for it: its handler of NEWKEYS is wrapped."""
    table = connection.SSHConnection._packet_handlers
    original = table[asyncssh.constants.MSG_NEWKEYS]

    def newkeys(conn, *arguments):
        conn.exchanges = getattr(conn, "exchanges", -1) + 1
        return original(conn, *arguments)
    table[asyncssh.constants.MSG_NEWKEYS] = newkeys

    send = connection.SSHConnection.send_newkeys

    def send_newkeys(conn, *arguments):
        conn.kex_name = conn._kex.algorithm.decode()
        return send(conn, *arguments)
    connection.SSHConnection.send_newkeys = send_newkeys


def algorithms(a):
    """Its options; names that it does not know end this program."""
    known = dict(kex_algs=(a.kex, kex.get_kex_algs()),
                 encryption_algs=(a.cipher, encryption.get_encryption_algs()),
                 mac_algs=(a.mac, mac.get_mac_algs()),
                 compression_algs=(a.compression,
                                   compression.get_compression_algs()))
    if a.role == "client":
        known["server_host_key_algs"] = (a.hostkey,
                                         public_key.get_public_key_algs())
    options = {}
    for what, (text, names) in known.items():
        for name in contract.names(text) or []:
            if name.encode() not in names:
                cannot(name)
        if text:
            options[what] = contract.names(text)
    if a.rekey_bytes:
        options["rekey_bytes"] = a.rekey_bytes
    return options


# ---- client -----------------------------------------------------------------

class Client(asyncssh.SSHClient):
    def __init__(self, known):
        self.known, self.key = known, None

    def validate_host_public_key(self, host, addr, port, key):
        self.key = key.get_algorithm()
        if key.get_fingerprint("sha256") == self.known:
            return True
        failed("the host key is another one")


async def connect(a):
    client = Client(a.known)
    secrets = dict(client_keys=[a.key] if a.key else None,
                   password=None if a.key else a.password)
    conn = await asyncssh.connect(
        a.host, a.port, username=a.user, known_hosts=([], [], []),
        client_factory=lambda: client, agent_path=None, config=None,
        preferred_auth=["publickey" if a.key else "password"], x509_trusted_certs=None,
        login_timeout=a.patience, **secrets, **algorithms(a))
    info = conn.get_extra_info
    say(f"negotiated kex={conn.kex_name} hostkey={client.key} "
        f"cipher={info('send_cipher')} mac={plain_mac(info)}")
    return conn


def plain_mac(info):
    """An AEAD cipher is its own MAC."""
    return "-" if info("send_mac") == info("send_cipher") else info("send_mac")


async def begin(conn, a, command=None, **what):
    guard.moves("the channel")
    streams = await conn.open_session(command, encoding=None, **what)
    guard.moves("the program")
    if a.rekey:
        conn._rekey_bytes_sent = conn._rekey_bytes
    return streams


async def read(reader, sink):
    while True:
        data = await reader.read(PIECE)
        if not data:
            return
        guard.moves("data")
        sink(data)


def write_all(fd):
    def sink(data):
        while data:
            data = data[os.write(fd, data):]
    return sink


async def write_stdin(writer):
    loop = asyncio.get_running_loop()
    try:
        while True:
            data = await loop.run_in_executor(None, os.read, 0, PIECE)
            if not data:
                break
            writer.write(data)
            await writer.drain()
            guard.moves("input")
        writer.write_eof()
    except (OSError, asyncssh.Error):
        pass                       # closed: the other side tells


async def copy(conn, a):
    what = {"exec": dict(command=a.argument), "shell": {},
            "subsystem": dict(subsystem=a.argument)}[a.action]
    writer, reader, errors = await begin(conn, a, **what)
    task = asyncio.create_task(write_stdin(writer))
    await asyncio.gather(read(reader, write_all(1)), read(errors, write_all(2)))
    await writer.channel.wait_closed()
    task.cancel()
    status, by = writer.channel.get_exit_status(), \
        writer.channel.get_exit_signal()
    if by is not None:
        say("signal", by[0])
        return NO_STATUS
    if status is not None and status >= 0:
        return status & 255
    if a.action != "exec":
        return 0
    say("no status")
    return NO_STATUS


async def send_pattern(writer, size):
    try:
        for piece in contract.pieces_of(size):
            writer.write(piece)
            await writer.drain()
            guard.moves("sending")
        writer.write_eof()
    except (OSError, asyncssh.Error):
        pass


async def status_is(writer, want):
    await writer.channel.wait_closed()
    got = writer.channel.get_exit_status()
    if got != want:
        wrong(f"exit status {got}, not {want}")


async def up(conn, a):
    writer, reader, _ = await begin(conn, a, "sink")
    await send_pattern(writer, a.argument)
    answer = []
    await read(reader, answer.append)
    await status_is(writer, 0)
    want = contract.digest_of(a.argument)
    if b"".join(answer).decode() != want + "\n":
        wrong("the server has another hash")
    print(want)
    return 0


async def down(conn, a):
    writer, reader, _ = await begin(conn, a, f"source {a.argument}")
    return await take(writer, reader, a.argument)


async def both(conn, a):
    writer, reader, _ = await begin(conn, a, "echo")
    task = asyncio.create_task(send_pattern(writer, a.argument))
    code = await take(writer, reader, a.argument)
    await task
    return code


async def take(writer, reader, size):
    total = Sum(size)
    await read(reader, total.add)
    await status_is(writer, 0)
    total.check()
    return 0


# ---- closing ----------------------------------------------------------------

async def close_client_first(conn, a):
    writer, reader, _ = await begin(conn, a, "cat")
    writer.write(b"hello")
    if await reader.readexactly(5) != b"hello":
        wrong("other output came")
    writer.channel.close()
    await writer.channel.wait_closed()


async def close_server_first(conn, a):
    writer, reader, _ = await begin(conn, a, "exit 7")
    await read(reader, lambda data: wrong("output came"))
    await status_is(writer, 7)


async def close_both(conn, a):
    writer, _, _ = await begin(conn, a, "noop")
    writer.channel.close()
    await writer.channel.wait_closed()


async def close_eof_first(conn, a):
    writer, reader, _ = await begin(conn, a, "sink")
    writer.write_eof()
    answer = []
    await read(reader, answer.append)
    await status_is(writer, 0)
    if b"".join(answer).decode() != OF_NOTHING:
        wrong("other output came")


async def close_abruptly(conn, a):
    _, reader, _ = await begin(conn, a, f"source {LARGE}")
    await reader.read(1)
    if a.argument == "disconnect":
        conn.disconnect(11, "bye")
    else:
        conn.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        conn.abort()
    await conn.wait_closed()
    print("closed", a.argument)
    return 0


async def close(conn, a):
    if a.argument in ("disconnect", "abort"):
        return await close_abruptly(conn, a)
    order = {"client-first": close_client_first,
             "server-first": close_server_first, "both": close_both,
             "eof-first": close_eof_first}[a.argument]
    await order(conn, a)
    writer, _, _ = await begin(conn, a, "noop")
    await status_is(writer, 0)
    print("closed", a.argument)
    return 0


async def client(a):
    run = {"up": up, "down": down, "both": both, "close": close}
    try:
        conn = await connect(a)
        code = await run.get(a.action, copy)(conn, a)
    except (asyncssh.Error, OSError) as e:
        failed(f"{type(e).__name__}: {e}")
    say("exchanges", conn.exchanges)
    if a.argument not in ("disconnect", "abort"):
        conn.close()
        await conn.wait_closed()
    return code


# ---- server -----------------------------------------------------------------

class Server(asyncssh.SSHServer):
    def __init__(self, a):
        self.a, self.method = a, None

    def connection_made(self, conn):
        self.conn = conn

    def begin_auth(self, user):
        return True

    def public_key_auth_supported(self):
        return self.a.authorized is not None

    def validate_public_key(self, user, key):
        self.method = "publickey"
        return key.public_data == self.a.public.public_data

    def password_auth_supported(self):
        return self.a.password is not None

    def validate_password(self, user, password):
        self.method = "password"
        return password == self.a.password

    def auth_completed(self):
        say("login", self.conn.get_extra_info("username"), self.method)

    def session_requested(self):
        return Session()


class Session(asyncssh.SSHServerSession):
    """One channel: what comes is shown to the command, what it says waits while
    the window is full."""

    def __init__(self):
        self.command, self.paused, self.ready = None, False, asyncio.Event()
        self.text, self.total = b"", Sum(0)

    def connection_made(self, channel):
        self.channel = channel

    def exec_requested(self, line):
        self.command = contract.command_of(line)
        return self.command is not None

    def shell_requested(self):
        self.command = ("shell", "")
        return True

    def subsystem_requested(self, name):
        self.command = ("echo", "")
        return name == "echo"

    def session_started(self):
        begin = getattr(self, "run_" + self.command[0], None)
        if begin is not None:
            begin(self.command[1])

    def run_noop(self, argument):
        self.channel.exit(0)

    def run_exit(self, argument):
        self.channel.exit(int(argument))

    def run_signal(self, argument):
        self.channel.exit_with_signal(argument)

    def run_stderr(self, argument):
        self.channel.write(b"out\n")
        self.channel.write_stderr(b"err\n")
        self.channel.exit(3)

    def run_source(self, argument):
        self.source = contract.pieces_of(int(argument))
        self.send_on()

    def run_shell(self, argument):
        self.channel.write(b"shell\n")

    def send_on(self):
        for piece in self.source:
            self.channel.write(piece)
            if self.paused:
                return
        self.channel.exit(0)

    def pause_writing(self):
        self.paused = True
        if self.command[0] in ("echo", "cat"):
            self.channel.pause_reading()

    def resume_writing(self):
        self.paused = False
        if self.command[0] == "source":
            self.send_on()
        elif self.command[0] in ("echo", "cat"):
            self.channel.resume_reading()

    def data_received(self, data, kind):
        name = self.command[0]
        if name in ("echo", "cat"):
            self.channel.write(data)
        elif name == "sink":
            self.total.add(data)
        elif name == "shell":
            *lines, self.text = (self.text + data).split(b"\n")
            for line in lines:
                if line == b"exit":
                    return self.channel.exit(0)
                self.channel.write(line + b"\n")

    def eof_received(self):
        name = self.command[0]
        if name == "sink":
            self.channel.write(self.total.total.hexdigest().encode() + b"\n")
        if name in ("sink", "echo", "cat", "shell"):
            self.channel.exit(0)
        return True                # the other direction stays


async def server(a):
    a.public = asyncssh.read_public_key(a.authorized) if a.authorized else None
    listener = await asyncssh.create_server(
        lambda: Server(a), a.host, a.port, server_host_keys=[a.host_key],
        encoding=None, line_editor=False, config=None, allow_scp=False,
        agent_forwarding=False, x11_forwarding=False, gss_host=None,
        **algorithms(a))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave, 0)
    print("listening", listener.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


def main():
    global guard
    a = contract.parse()
    count_exchanges()
    if a.role == "list":
        contract.list_names(kex=kex.get_kex_algs(),
                            hostkey=public_key.get_public_key_algs(),
                            cipher=encryption.get_encryption_algs(),
                            mac=mac.get_mac_algs(),
                            compression=compression.get_compression_algs())
        return 0
    if a.role == "server":
        return asyncio.run(server(a))
    guard = contract.Patience(a.patience)
    return asyncio.run(client(a))


if __name__ == "__main__":
    leave(main())
