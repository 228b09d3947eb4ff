#!/usr/bin/python3
"""Paramiko as a command line client, for run.py; needs only Debian's Paramiko.

Without an action it behaves like `ssh host command`. The actions are what a
command line client cannot do: see the parser."""
import argparse
import os
import socket
import struct
import sys
import threading

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST, cMSG_USERAUTH_REQUEST


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--user", required=True)
    p.add_argument("--host-key")
    p.add_argument("--key")
    p.add_argument("--password", action="append", default=[],
                   help="several: one after the other, until one is right")
    p.add_argument("--rekey-bytes", type=int, default=0)
    p.add_argument("--rekey-until", type=int, default=0)
    p.add_argument("--pty", action="store_true")
    p.add_argument("--env", action="append", default=[])
    p.add_argument("--subsystem", action="store_true")
    p.add_argument("--late", action="store_true",
                   help="write all of stdin before the first byte is read")
    p.add_argument("--events", action="store_true",
                   help="resize, signal and break during the command")
    p.add_argument("--reset", choices=["rst", "fin"],
                   help="go away like this while the output runs")
    p.add_argument("--storm", choices=["none", "service", "session"],
                   help="log in so far, and go away without a word")
    p.add_argument("--count", type=int, default=1)
    p.add_argument("command", nargs="?")
    return p.parse_args()


def connect(a):
    sock = socket.create_connection(("127.0.0.1", a.port))
    t = paramiko.Transport(sock)
    t.start_client(timeout=60)
    if a.host_key:
        words = a.host_key.split()
        got = t.get_remote_server_key()
        if got.get_name() != words[0] or got.get_base64() != words[1]:
            sys.exit("paramiko: the host key differs")
    return t


def log_in(t, a):
    """Repeats the service request before every attempt, as it always does."""
    if a.key:
        t.auth_publickey(a.user, paramiko.Ed25519Key.from_private_key_file(
            a.key))
    elif not a.password:
        t.auth_none(a.user)
    for word in a.password:
        try:
            left = t.auth_password(a.user, word)
            if left:
                print("partial:", *left, file=sys.stderr)
        except paramiko.AuthenticationException as e:
            print("refused:", e, file=sys.stderr)
        if t.is_authenticated():
            break
    if not t.is_authenticated():
        raise paramiko.AuthenticationException("not logged in")


def ask(channel, name, *fields):
    """A channel request that Paramiko has no function for."""
    m = paramiko.Message()
    m.add_byte(cMSG_CHANNEL_REQUEST)
    m.add_int(channel.remote_chanid)
    m.add_string(name)
    m.add_boolean(False)
    for field in fields:
        (m.add_int if isinstance(field, int) else m.add_string)(field)
    channel.transport._send_user_message(m)


class Rekey:
    """Starts an exchange each `step` bytes, counted both ways."""

    def __init__(self, transport, step, until):
        self.transport, self.step, self.until = transport, step, until
        self.seen, self.next = 0, step
        self.lock = threading.Lock()

    def count(self, n):
        with self.lock:
            self.seen += n
            if self.step and self.next <= self.seen < self.until:
                self.next = self.seen + self.step
                self.transport.renegotiate_keys()


def write(channel, rekey):
    while True:
        data = os.read(0, 65536)
        if not data:
            break
        channel.sendall(data)
        rekey.count(len(data))
    channel.shutdown_write()


def copy(read, fd, rekey):
    while True:
        data = read(65536)
        if not data:
            break
        rekey.count(len(data))
        while data:
            data = data[os.write(fd, data):]


def run(t, a):
    channel = t.open_session()
    for pair in a.env:
        channel.set_environment_variable(*pair.split("=", 1))
    if a.pty:
        channel.get_pty("vt220", 100, 30)
    if a.subsystem:
        channel.invoke_subsystem(a.command)
    elif a.command:
        channel.exec_command(a.command)
    else:
        channel.invoke_shell()
    if a.reset:
        go_away(t, channel, a.reset)
    if a.events:
        channel.resize_pty(120, 40)
        ask(channel, "signal", "USR1")
        ask(channel, "break", 250)
        channel.sendall(b"q")
    rekey = Rekey(t, a.rekey_bytes, a.rekey_until)
    threads = [
        threading.Thread(target=copy, args=(channel.recv, 1, rekey)),
        threading.Thread(target=copy, args=(channel.recv_stderr, 2, rekey))]
    if a.late:
        write(channel, rekey)
        print("written", file=sys.stderr, flush=True)
    else:
        threading.Thread(target=write, args=(channel, rekey),
                         daemon=True).start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return channel.recv_exit_status()


def go_away(t, channel, how):
    channel.recv(1)
    if how == "fin":
        t.sock.shutdown(socket.SHUT_WR)
    t.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                      struct.pack("ii", 1, 0))
    os._exit(0)                    # closes: a reset


def storm(a):
    """Connections that end in the middle of logging in."""
    for _ in range(a.count):
        t = connect(a)
        m = paramiko.Message()
        m.add_byte(paramiko.common.cMSG_SERVICE_REQUEST)
        m.add_string("ssh-userauth")
        if a.storm != "none":
            t._send_message(m)
        if a.storm == "session":
            m = paramiko.Message()
            m.add_byte(cMSG_USERAUTH_REQUEST)
            for word in (a.user, "ssh-connection", "password"):
                m.add_string(word)
            m.add_boolean(False)
            m.add_string("wrong")
            t._send_message(m)
        t.sock.close()
        t.close()
    return 0


def main():
    a = parse()
    if a.storm:
        return storm(a)
    try:
        t = connect(a)
        log_in(t, a)
    except paramiko.SSHException as e:
        print("paramiko:", e, file=sys.stderr)
        return 254
    banner = t.get_banner()
    if banner:
        sys.stderr.write(banner.decode())
    for i in range(a.count):
        status = run(t, a)
    t.close()
    return status & 255


if __name__ == "__main__":
    sys.stdout.flush()
    code = main()
    sys.stderr.flush()
    os._exit(code)                 # its threads need not end
