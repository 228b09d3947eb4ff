"""The two ends of a connection, as cases_matrix.py needs them: each end is ours or
a partner's, a program by the contract of peers/README.md or a program of the
system.

A client has exec, shell, subsystem, signal, up, down, both and close; a server
has a port, the fingerprint of its key, and an end. What an end cannot do raises
NotSupported, with the reason that the table shows."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import cases_transfer
import peers
from servers import Failed, Hangs, Skipped, check, same

HERE = os.path.dirname(os.path.abspath(__file__))
COMMANDS = os.path.join(HERE, "peers", "commands.py")
# For those: ours may lie below the home folder that is hidden.
PYTHON = ("/usr/bin/python3" if os.path.exists("/usr/bin/python3")
          else sys.executable)
OF_NOTHING = ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
              "\n")
LARGE = 64 << 20


class NotSupported(Skipped):
    """By the peer, or by its program."""

    def __init__(self, why):
        super().__init__(f"not supported by the peer: {why}")
        self.why = why


def options_of(options):
    """{"rekey_bytes": 9, "rekey": True} as a command line."""
    words = []
    for name, value in options.items():
        words.append("--" + name.replace("_", "-"))
        if value is not True:
            words.append(str(value))
    return words


def environment(run):
    """Nothing of the user's home but what was fetched for the tests."""
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    return dict(os.environ, HOME=run.home, XDG_CACHE_HOME=cache)


# ---- clients ----------------------------------------------------------------

class ContractClient:
    """`PROGRAM client ...`; also ours."""

    def __init__(self, run, *argv):
        self.run, self.argv = run, list(argv)

    def env(self):
        return environment(self.run)

    stays = 0

    def call(self, server, options, *action, stdin=b""):
        return self.judged(self.run.call(
            self, self.words(server, options, *action), stdin))

    def words(self, server, options, *action):
        words = options_of({
            "port": server.port, "user": self.run.user, "key": self.run.key,
            "known": server.fingerprint, "patience": int(self.run.patience),
            **options})
        return [*self.argv, "client", *map(str, [*words, *action])]

    @staticmethod
    def judged(done):
        if done.code == 77:
            found = re.search(r"cannot: (.*)", done.err)
            raise NotSupported("it cannot " + (found.group(1) if found else
                                               "do this"))
        if done.code == 124:
            raise Hangs(f"hangs: {done.err[-600:]}")
        return done

    def exec(self, server, command, stdin=b"", **options):
        return self.call(server, options, "exec", command, stdin=stdin)

    def converse(self, server, pieces, **options):
        return self.judged(self.run.converse(
            self, self.words(server, options, "exec", "cat"), pieces))

    def shell(self, server, stdin, **options):
        return self.call(server, options, "shell", stdin=stdin)

    def subsystem(self, server, name, stdin, **options):
        return self.call(server, options, "subsystem", name, stdin=stdin)

    def signal(self, server, name, **options):
        done = self.exec(server, f"signal {name}", **options)
        if done.code == 254 and "no status" in done.err:
            raise NotSupported("it does not tell its user about exit-signal")
        same(done.code, 254, f"exit status ({done.err[-300:]})")
        check(f"signal {name}" in done.err, done.err[-300:])
        return done

    def transfer(self, what, server, size, **options):
        done = self.call(server, options, what, size)
        same(done.code, 0, f"exit status ({done.err[-400:]})")
        same(done.out.decode().strip(),
             cases_transfer.digest(self.run.pattern(size)), "SHA-256")
        return done

    def close(self, server, how, **options):
        done = self.call(server, options, "close", how)
        same((done.code, done.out.decode()), (0, f"closed {how}\n"),
             f"close ({done.err[-400:]})")
        return done


class ended:
    """Kills a process that is still there at the end."""

    def __init__(self, run, process):
        self.process = process
        self.timer = threading.Timer(run.patience, process.kill)

    def __enter__(self):
        self.timer.start()
        return self.process

    def __exit__(self, *error):
        self.timer.cancel()
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class ProgramClient:
    """`ssh`, `plink`, `dbclient`: see peers.py."""

    def __init__(self, run, peer):
        self.run, self.peer, self.stays = run, peer, peer.stays

    def argv(self, server, *what, rekey_bytes=0, size=0, key=None, **options):
        """Of the options for algorithms it knows the user's key only: what else
        is agreed, the server says."""
        more = {"key": key} if key else {}
        if rekey_bytes:
            limit = self.peer.rekey(rekey_bytes, size)
            if limit is None:
                raise NotSupported("its limit is compiled in")
            more.update(limit)
        return self.peer.argv(server, *what, **more)

    def call(self, argv, stdin=b"", sink=None):
        return self.run.call(self.peer, argv, stdin=stdin, sink=sink)

    def exec(self, server, command, stdin=b"", **options):
        return self.call(self.argv(server, command, **options), stdin)

    def converse(self, server, pieces, **options):
        return self.run.converse(
            self.peer, self.argv(server, "cat", **options), pieces)

    def shell(self, server, stdin, **options):
        return self.call(self.argv(server, **options), stdin)

    def subsystem(self, server, name, stdin, **options):
        return self.call(self.argv(server, "-s", name, **options), stdin)

    def signal(self, server, name, **options):
        if not self.peer.signal_codes:
            raise NotSupported("it does not tell its user about exit-signal")
        done = self.exec(server, f"signal {name}", **options)
        check(done.code in self.peer.signal_codes, done.code, done.err[-300:])
        return done

    def transfer(self, what, server, size, **options):
        path, got = self.run.pattern(size), cases_transfer.Counter()
        command = {"up": "sink", "down": f"source {size}", "both": "echo"}[what]
        argv = self.argv(server, command, size=size, **options)
        if what == "up":
            done = self.call(argv, path)
            came = done.out.decode().strip()
        else:
            done = self.call(argv, "/dev/null" if what == "down" else path, got)
            came = got.sum.hexdigest()
        same((done.code, came), (0, cases_transfer.digest(path)),
             f"exit status, SHA-256 ({done.err[-300:]})")
        return done

    def close(self, server, how, **options):
        function = getattr(self, "close_" + how.replace("-", "_"), None)
        if function is None:
            raise NotSupported("the program closes no channel by itself")
        return function(server)

    def close_client_first(self, server):
        """One connection of several programs: one of them is killed."""
        if not self.peer.multiplexes:
            raise NotSupported("the program closes no channel by itself")
        more = dict(options=["ControlPath=" + self.run.fresh("mux")])
        pipes = (self.peer, subprocess.PIPE, subprocess.PIPE,
                 subprocess.DEVNULL)

        def start(*what):
            process = self.run.popen(
                pipes[0], self.peer.argv(server, *what, **more), *pipes[1:])
            process.stdin.write(b"hello")
            process.stdin.flush()
            same(process.stdout.read(5), b"hello", "what came back")
            return process
        with ended(self.run, start("-M", "cat")) as master:
            with ended(self.run, start("cat")):
                pass
            done = self.call(self.peer.argv(server, "noop", **more))
            same(done.code, 0, f"another one ({done.err})")
            master.stdin.close()
            same(master.wait(self.run.patience), 0, "the master's exit code")

    def close_server_first(self, server):
        """Its input stays open."""
        out, into = os.pipe()
        try:
            done = self.run.call(self.peer, self.argv(server, "exit 7"),
                                 stdin=out)
        finally:
            os.close(into)
        same((done.code, done.out), (7, b""), f"exit 7 ({done.err[-300:]})")

    def close_eof_first(self, server):
        done = self.exec(server, "sink")
        same((done.code, done.out.decode()), (0, OF_NOTHING), done.err[-300:])

    def close_abort(self, server):
        self.end_by(signal.SIGKILL, self.argv(server, f"source {LARGE}"))

    def close_disconnect(self, server):
        if not self.peer.says_goodbye:
            raise NotSupported("the program sends no DISCONNECT")
        self.end_by(signal.SIGTERM, self.argv(server, f"source {LARGE}"))

    def end_by(self, sig, argv):
        """While its output runs."""
        process = self.run.popen(self.peer, argv,
                                 subprocess.DEVNULL, subprocess.PIPE,
                                 subprocess.DEVNULL)
        try:
            check(process.stdout.read1(1), "no output")
            process.send_signal(sig)
            process.stdout.close()
            process.wait(self.run.patience)
        finally:
            process.kill()
            process.wait()


# ---- servers ----------------------------------------------------------------

class OurServer:
    """The library's, which must leave with 0 and nothing open."""

    NAMES = {"kex": "--kex", "hostkey": "--hostkey", "cipher": "--ciphers",
             "mac": "--macs", "compression": "--compression",
             "rekey_bytes": "--rekey-bytes", "host_keys": "--host-key",
             "user_keys": "--authorized"}
    subsystem = "echo"

    def __init__(self, run, options):
        words = [w for name, value in options.items()
                 for one in (value if isinstance(value, tuple) else (value,))
                 for w in (self.NAMES[name], one)]
        self.server = run.server(*words)
        self.port, self.fingerprint = self.server.port, run.fingerprint

    def alive(self):
        return self.server.alive()

    def mark(self):
        return self.server.mark()

    def closed(self, mark):
        """The last words about the first session that ended since."""
        return self.server.wait(
            r"^closed (\S+) phase=(\d) by_peer=(\d) reason=(\d+) rekeys=(\d+) "
            r"cipher=(\S*) mac=(\S*) strict=(\d) peer=(\S+).* kex=(\S*) "
            r"hostkey=(\S*) compression=(\S*)", 1, mark)

    def stop(self):
        self.server.__exit__(None, None, None)


class ContractServer:
    """`PROGRAM server ...`."""

    subsystem = "echo"

    def __init__(self, run, argv, options):
        self.run, self.fingerprint = run, run.fingerprint
        self.log = tempfile.TemporaryFile()
        words = ["server", "--host-key", run.host_key, "--port", 0,
                 "--authorized", run.key + ".pub", *options_of(options)]
        self.process = subprocess.Popen(
            [*argv, *map(str, words)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.log, cwd=run.work,
            env=environment(run))
        timer = threading.Timer(run.patience, self.process.kill)
        timer.start()
        line = self.process.stdout.readline().decode()
        timer.cancel()
        found = re.match(r"listening (\d+)\n", line)
        if found is None:
            code, text = self.process.wait(), self.stderr()
            self.stop()
            if code == 77:
                raise NotSupported(
                    "it cannot " + re.search("cannot: (.*)", text).group(1))
            raise Failed(f"the peer's server ended with {code}: {text}")
        self.port = int(found.group(1))

    def stderr(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-1000:]

    def alive(self):
        return self.process.poll() is None

    def mark(self):
        return 0

    def stop(self):
        if self.alive():
            self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


class ProgramServer:
    """A program of the system that takes a connection as its standard input and
    output, as from inetd. It is started here for each, so that the kernel can
    choose the port."""

    subsystem = "echo"

    def __init__(self, run, argv):
        self.run, self.argv, self.fingerprint = run, argv, run.fingerprint
        self.processes, self.stopping = [], False
        self.log = tempfile.TemporaryFile()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.stopping:
                return sock.close()
            with sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.processes.append(subprocess.Popen(
                    self.argv, stdin=sock, stdout=sock, stderr=self.log))

    def stderr(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-1000:]

    def alive(self):
        return True

    def mark(self):
        return 0

    def stop(self):
        self.stopping = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self.thread.join()
        self.listener.close()
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.log.close()


def commands(run):
    """A copy: the project may lie below the home folder that is hidden."""
    path = run.fresh("commands.py")
    shutil.copy(COMMANDS, path)
    return path


def in_a_home(run, argv):
    """The same with an empty home folder, where the kernel lets us; the name
    of that folder on the disk stays. None: it does not, or we would hide what
    we work with."""
    home = os.path.expanduser("~" + run.user)
    if os.path.commonpath([home, run.work]) == home:
        return None
    script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    prefix = ["unshare", "--mount", "sh", "-c", script, "sh", run.home, home]
    try:
        test = subprocess.run([*prefix, "true"], stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        return None
    return [*prefix, *argv] if test.returncode == 0 else None


def sshd(run, program, options):
    """OpenSSH's. Its commands are those of peers/commands.py."""
    config = ["UsePAM no", "PermitRootLogin yes", "PidFile none",
              "StrictModes no", "UseDNS no", "PrintMotd no",
              "PrintLastLog no", "LogLevel ERROR",
              "PasswordAuthentication no", "KbdInteractiveAuthentication no",
              f"AuthorizedKeysFile {run.authorized}", "Subsystem echo echo",
              f"ForceCommand {PYTHON} {commands(run)}"]
    names = {"kex": "KexAlgorithms", "cipher": "Ciphers", "mac": "MACs",
             "rekey_bytes": "RekeyLimit", "host_key": "HostKey"}
    config += [f"{names[n]} {value}" for n, value in
               {"host_key": run.host_key, **options}.items() if n in names]
    path = run.fresh("sshd_config")
    with open(path, "w") as f:
        f.write("\n".join(config) + "\n")
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    argv = [program, "-i", "-e", "-f", path]
    return ProgramServer(run, in_a_home(run, argv) or argv)


def dropbear(run, program, options):
    """It reads the keys of a home folder, and knows the subsystem "sftp" only,
    which is the command of that name."""
    if "rekey_bytes" in options:
        raise NotSupported("its limit is compiled in")
    folder = os.path.join(run.home, ".ssh")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    shutil.copy(run.authorized, os.path.join(folder, "authorized_keys"))
    os.chmod(os.path.join(folder, "authorized_keys"), 0o600)
    wrapper, key = run.fresh("dropbear-commands"), run.fresh("dropbear_key")
    with open(wrapper, "w") as f:
        f.write('#!/bin/sh\ncase "$SSH_ORIGINAL_COMMAND" in\n'
                '*sftp-server) SSH_ORIGINAL_COMMAND=echo ;;\nesac\n'
                f'export SSH_ORIGINAL_COMMAND\n'
                f'exec {PYTHON} {commands(run)}\n')
    os.chmod(wrapper, 0o755)
    peers.make("dropbearconvert", "openssh", "dropbear",
               options.get("host_key", run.host_key), key)
    argv = in_a_home(run, [program, "-i", "-r", key, "-c", wrapper])
    if argv is None:
        raise Skipped("no mount namespace here, which its keys need")
    server = ProgramServer(run, argv)
    server.subsystem = "sftp"
    return server
