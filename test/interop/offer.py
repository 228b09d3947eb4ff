"""What a program offers that cannot list it: its KEXINIT, read by a side that
says nothing but its name."""
import os
import socket
import subprocess
import sys
import threading

from servers import Failed

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                             "audit"))

from clear import KEXINIT, Clear, Closed, read_kexinit  # noqa: E402


class Port:
    """As much of a server as an argument list needs."""

    def __init__(self, number):
        self.port = number


def of_client(run, peer):
    """{"kex": [..], "hostkey": [..], "cipher": [..], "mac": [..],
    "compression": [..]} of a program of peers.py."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(run.patience)
        argv = peer.argv(Port(listener.getsockname()[1]), "noop")
        process = run.popen(peer, argv, subprocess.DEVNULL, subprocess.DEVNULL,
                            subprocess.DEVNULL)
        timer = threading.Timer(run.patience, process.kill)
        timer.start()
        try:
            return lists(listener.accept()[0], run.patience)
        except (socket.timeout, Closed, AssertionError) as e:
            raise Failed(f"{peer.name} says nothing: {e}") from None
        finally:
            process.kill()
            process.wait()
            timer.cancel()


def of_server(run, port):
    return lists(socket.create_connection(("127.0.0.1", port)), run.patience)


def lists(sock, patience):
    with Clear(sock, patience) as wire:
        wire.say_ident()
        wire.read_ident()
        offered = read_kexinit(wire.expect(KEXINIT))
    return {"kex": offered["kex"], "hostkey": offered["hostkey"],
            "cipher": offered["cipher_cs"], "mac": offered["mac_cs"],
            "compression": offered["compression_cs"]}
