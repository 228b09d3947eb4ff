"""ssh-audit, where it is installed (package ssh-audit): against a server, and
as the server that a client is looked at by. Its listener would take all
addresses and a fixed port; here it takes 127.0.0.1 and one of the kernel's."""
import re
import shutil
import subprocess
import sys

import report

# With the Python whose module it is: Debian's.
PYTHON = "/usr/bin/python3"

LISTENER = """
import socket, sys
bind, listen = socket.socket.bind, socket.socket.listen
def loopback(s, address):
    if s.family != socket.AF_INET:
        raise OSError("127.0.0.1 only")
    bind(s, ("127.0.0.1", 0))
def say(s, *rest):
    listen(s, *rest)
    print("listening on", s.getsockname()[1], file=sys.stderr, flush=True)
socket.socket.bind, socket.socket.listen = loopback, say
from ssh_audit.ssh_audit import main
sys.argv[0] = "ssh-audit"
sys.exit(main())
"""


def needed():
    report.tool("ssh-audit")


def needed_module():
    """Its listener is only led by what is inside of it."""
    needed()
    if shutil.which(PYTHON) is None or subprocess.run(
            [PYTHON, "-c", "import ssh_audit.ssh_audit"], check=False,
            capture_output=True).returncode != 0:
        report.skipped(f"{PYTHON} has no module ssh_audit")


def scan(port, patience, *options):
    """(exit status, text) of a scan of 127.0.0.1."""
    done = subprocess.run(
        ["ssh-audit", "-n", "-t", str(int(patience)), "-p", str(port), *options,
         "127.0.0.1"], text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def scan_client(patience, connect, *options):
    """The same of the client that connect(port) runs to its end."""
    process = subprocess.Popen(
        [PYTHON, "-c", LISTENER, "-n", "-c", "-t", str(int(patience)),
         *options], text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        line = process.stderr.readline()
        port = re.search(r"listening on (\d+)", line)
        if port is None:
            report.failed(f"ssh-audit does not listen: {line}"
                          f"{process.stderr.read()}")
        connect(int(port.group(1)))
        out, err = process.communicate(timeout=patience * 2)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if err:
        print(err, file=sys.stderr)
    return process.returncode, out
