"""What the test client says when something is wrong, and what no partner is
needed for. Its other side is our server, or a socket."""
import contextlib
import os
import socket
import subprocess
import threading

import partners
from servers import check, same


def cases(run):
    client = partners.ContractClient(run, os.path.join(run.bin,
                                                       "interop-client"))

    def simple(function, **options):
        def case():
            server = partners.OurServer(run, options)
            try:
                function(client, server)
            finally:
                server.stop()
        return case

    yield "by name, over its addresses", simple(by_name)
    yield "another host key", simple(other_host_key)
    yield "another key", simple(other_key)
    yield "an exchange on demand", simple(on_demand)
    yield "small window and packets", simple(narrow)
    yield "the server dies", simple(server_dies)
    yield "password, right and wrong", lambda: password(run, client)
    yield "nobody listens", lambda: refused(client)
    for name, words in (("before the identification", b""),
                        ("in the identification", b"SSH-2.0-x"),
                        ("behind the identification", b"SSH-2.0-x\r\n"),
                        ("behind HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n")):
        yield f"the server closes {name}", \
            lambda words=words: closed(client, words)


def fails(done, what):
    same(done.code, 255, f"exit status ({done.err[-300:]})")
    check(f"failed: {what}" in done.err, done.err[-300:])


class At:
    """A server that is only a port."""

    def __init__(self, port, fingerprint="SHA256:none"):
        self.port, self.fingerprint = port, fingerprint


def by_name(client, server):
    same(client.exec(server, "exit 3", host="localhost").code, 3, "status")


def other_host_key(client, server):
    fails(client.exec(At(server.port), "noop"), "host key refused")


def other_key(client, server):
    """The last of an option counts."""
    done = client.exec(server, "noop", key=client.run.other_key)
    fails(done, "authentication refused")


def on_demand(client, server):
    for what in ("up", "down", "both"):
        done = client.transfer(what, server, 1 << 20, rekey=True)
        check("exchanges 1\n" in done.err, done.err)


def narrow(client, server):
    for what in ("up", "down", "both"):
        client.transfer(what, server, 1 << 20, window_bytes=4096,
                        packet_bytes=1024)


def server_dies(client, server):
    """While the output runs."""
    argv = [*client.argv, "client", "--port", server.port, "--user", "any",
            "--key", client.run.key, "--known", server.fingerprint,
            "exec", f"source {1 << 32}"]
    process = subprocess.Popen([str(a) for a in argv],
                               stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               cwd=client.run.work)
    try:
        check(process.stdout.read(1 << 20), "no output")
        server.stop()
        while process.stdout.read1(1 << 20):
            pass
        err = process.stderr.read().decode()
        same(process.wait(client.run.patience), 255, f"exit status ({err})")
        check("failed: " in err, err)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def password(run, client):
    with run.server("--auth", "password", "--password", "right") as ours:
        server = At(ours.port, run.fingerprint)
        argv = ["client", "--port", server.port, "--user", "any", "--known",
                server.fingerprint, "--password"]
        for word, code in (("right", 4), ("wrong", 255)):
            done = run.call(client, [*client.argv, *map(str, argv), word,
                                     "exec", "exit 4"])
            same(done.code, code, f"status with {word} ({done.err})")


@contextlib.contextmanager
def listening():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener, At(listener.getsockname()[1])


def refused(client):
    with listening() as (_, server):
        pass
    fails(client.exec(server, "noop"), "connection refused")


def closed(client, words):
    def serve(listener):
        sock, _ = listener.accept()
        with sock:
            sock.sendall(words)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
    with listening() as (listener, server):
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        done = client.exec(server, "noop")
        thread.join(client.run.patience)
    fails(done, "peer closed before it said who it is" if not words else "")
