"""What a session channel can do, and what must never stop it."""
import subprocess
import threading

import cases_transfer
from servers import Skipped, check, same

LATE = 8 << 20


def cases(run, peer):
    def simple(function, *options):
        def case():
            with run.server(*options) as server:
                function(run, peer, server)
        return case

    yield "exit-signal", simple(exit_signal)
    yield "stderr apart from stdout", simple(stderr_apart)
    yield "env", simple(env)
    yield "subsystem", simple(subsystem)
    yield "half-close, output goes on", simple(half_close)
    yield "copied sends and on_drain", simple(sends)
    yield "unknown command and subsystem refused", simple(refused)
    yield "exec answered by a job of the thread pool", simple(later)
    yield "re-exchange on demand", simple(rekey)
    yield "keepalive and re-exchange of an idle session", simple(
        idle, "--log", "packet", "--keepalive-ms", 20, "--rekey-ms", 30)
    yield "re-exchange by packets", simple(rekey_packets,
                                           "--rekey-packets", 64)
    yield "a client that reads late", simple(late_reader)
    yield "8 MiB held for a slow reader", simple(stuck_writer)
    yield "disconnect with a text", simple(bye)
    if peer.name == "paramiko":
        yield "8 MiB written before a byte is read", simple(
            written_first, "--window-bytes", 16 << 20)
    else:
        yield "pty, its size and its changes", simple(pty)
    if peer.name == "openssh":
        yield "break", simple(openssh_break)
        yield "three channels in one session", simple(multiplexed)
        yield "forwards refused", simple(forwards)
        yield "small window and packets", simple(
            narrow, "--window-bytes", 4096, "--packet-bytes", 1024)
    if peer.name == "paramiko":
        yield "resize, signal and break", simple(paramiko_events)
        yield "three channels in one session", simple(paramiko_three)


def exit_signal(run, peer, server):
    if not peer.signal_codes:
        raise Skipped("it ignores exit-signal")
    verbose = ["-v"] if peer.name == "openssh" else []
    done = run.call(peer, peer.argv(server, *verbose, "signal TERM"))
    check(done.code in peer.signal_codes, done.code, done.err[-300:])
    if verbose:
        check("rtype exit-signal reply 0" in done.err, done.err[-900:])


def stderr_apart(run, peer, server):
    done = run.call(peer, peer.argv(server, "stderr"))
    same((done.code, done.out), (3, b"out\n"), f"stdout ({done.err})")
    check("err\n" in done.err and "out" not in done.err, repr(done.err))


def env(run, peer, server):
    more = {"openssh": dict(options=["SetEnv=FRUIT=pear"]),
            "plink": dict(load={"Environment": "FRUIT=pear,"}),
            "paramiko": dict(options=["--env", "FRUIT=pear"])}
    if peer.name not in more:
        raise Skipped("it sends none")
    done = run.call(peer, peer.argv(server, "env", **more[peer.name]))
    check(b"FRUIT=pear\n" in done.out, done.out, done.err)


def pty(run, peer, server):
    argv = peer.argv(server, "-t", "pty")
    with run.terminal(peer, argv) as term:
        term.expect(r"pty 90x33 erase=127 (vt220|xterm)")
        term.expect(r"watching")
        term.resize(70, 21)
        term.expect(r"window 70x21 ")
        term.type("q")
        same(term.wait(), 0, "exit code: " + term.text)
    with run.terminal(peer, peer.argv(server, "-t")) as term:
        term.expect("shell\r\n")
        term.type("hello\r")
        term.expect("hello\r\n")
        term.type("exit\r")
        same(term.wait(), 0, "exit code: " + term.text)


def subsystem(run, peer, server):
    done = run.call(peer, peer.argv(server, "-s", "echo"), stdin=b"to and fro")
    same((done.code, done.out), (0, b"to and fro"), f"echo ({done.err})")


def half_close(run, peer, server):
    """The client's EOF comes at once, and everything after it."""
    cases_transfer.down(run, peer, server, run.size // 4)
    done = run.call(peer, peer.argv(server, "cat"), stdin=b"x" * 300000)
    same((done.code, done.out), (0, b"x" * 300000), f"cat ({done.err})")


def sends(run, peer, server):
    cases_transfer.down(run, peer, server, run.size // 4, "sendsource")


def refused(run, peer, server):
    if not peer.wants_reply:
        raise Skipped("it does not ask, and waits")
    for what in (["no-such-command"], ["-s", "no-such-subsystem"]):
        done = run.call(peer, peer.argv(server, *what))
        check(done.code != 0, f"{what}: exit code 0 ({done.err})")
        same(done.out, b"", "stdout")


def later(run, peer, server):
    done = run.call(peer, peer.argv(server, "later"))
    same((done.code, done.out), (0, b"later\n"), f"later ({done.err})")


def rekey(run, peer, server):
    done = run.call(peer, peer.argv(server, "rekey"))
    same(done.code, 0, f"exit code ({done.err})")
    check(b" rekeys=1 " in done.out, done.out)


def idle(run, peer, server):
    """The peer answers, and is as before."""
    process = run.popen(peer, peer.argv(server, "cat"), subprocess.PIPE,
                        subprocess.PIPE, subprocess.DEVNULL)
    with guarded(run, process):
        process.stdin.write(b"one")
        process.stdin.flush()
        same(process.stdout.read(3), b"one", "before")
        for answer in ("in REQUEST_FAILURE", "in NEWKEYS"):
            server.until(lambda: server.logged(answer) > 3,
                         f"too few: {answer}")
        process.stdin.write(b"two")
        process.stdin.close()
        same(process.stdout.read(), b"two", "afterwards")
        same(process.wait(), 0, "exit code")


def rekey_packets(run, peer, server):
    mark = server.mark()
    cases_transfer.both(run, peer, server, 4 << 20)
    got = int(server.wait(r"^closed .* rekeys=(\d+)", 1, mark).group(1))
    check(got >= 1, "no exchange")


def others_work(run, peer, server):
    """And once they have, the session that waits has had its turns."""
    for _ in range(5):
        done = run.call(peer, peer.argv(server, "noop"))
        same(done.code, 0, f"another session ({done.err})")


def late_reader(run, peer, server):
    """Others are served while nobody takes the output; then all of it comes,
    and the server did not hold it."""
    size = run.size
    before = server.memory()
    process = run.popen(peer, peer.argv(server, f"source {size}"),
                        subprocess.DEVNULL, subprocess.PIPE,
                        subprocess.DEVNULL)
    with guarded(run, process):
        first = process.stdout.read1(1)
        others_work(run, peer, server)
        grown = server.memory() - before
        got = cases_transfer.Counter()
        got(first)
        for piece in iter(lambda: process.stdout.read1(1 << 20), b""):
            got(piece)
        same(process.wait(), 0, "exit code")
    same(got.size, size, "bytes received")
    same(got.sum.hexdigest(), cases_transfer.digest(run.pattern(size)),
         "SHA-256")
    if not run.quick:
        check(grown < size // 4, f"the server grew by {grown} bytes")


class guarded:
    """Kills what hangs, and ends what is left."""

    def __init__(self, run, process):
        self.process = process
        self.timer = threading.Timer(run.patience, process.kill)

    def __enter__(self):
        self.timer.start()

    def __exit__(self, *error):
        self.timer.cancel()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass


def written_first(run, peer, server):
    """A window of 16 MiB takes all of it; only then the client reads."""
    path = run.pattern(LATE)
    for command in ("echo", "cat"):
        got = cases_transfer.Counter()
        done = run.call(peer, peer.argv(server, command, options=["--late"]),
                        stdin=path, sink=got)
        same(got.size, LATE, f"bytes that came back ({done.err})")
        same(got.sum.hexdigest(), cases_transfer.digest(path), "SHA-256")
        check("written" in done.err, done.err)


def stuck_writer(run, peer, server):
    """Nothing is read until windows and pipes are full both ways."""
    path = run.pattern(LATE)
    for command in ("echo", "cat"):
        with open(path, "rb") as source:
            process = run.popen(peer, peer.argv(server, command), source,
                                subprocess.PIPE, subprocess.DEVNULL)
            with guarded(run, process):
                first = process.stdout.read1(1)
                others_work(run, peer, server)
                got = cases_transfer.Counter()
                got(first)
                for piece in iter(lambda: process.stdout.read1(1 << 20), b""):
                    got(piece)
                code = process.wait()
        same(got.size, LATE, f"bytes that came back from {command}")
        same(got.sum.hexdigest(), cases_transfer.digest(path), "SHA-256")
        same(code, 0, "exit code")


def bye(run, peer, server):
    done = run.call(peer, peer.argv(server, "bye"))
    check(done.code != 0 or not peer.tells_end, "exit code 0")
    if peer.name in ("openssh", "plink"):
        check("told to leave" in done.err, done.err)
    server.wait(r"^closed 0 phase=4 by_peer=0 reason=11 ")


def openssh_break(run, peer, server):
    with run.terminal(peer, peer.argv(server, "-t", "pty")) as term:
        term.expect("watching")
        term.type("\n~B")
        term.expect(r"break \d+")
        term.type("q")
        same(term.wait(), 0, "exit code: " + term.text)


def multiplexed(run, peer, server):
    """One master, and three commands over it at once."""
    more = dict(options=["ControlPath=" + peer.path("mux")])
    master = run.popen(peer, peer.argv(server, "-M", "cat", **more),
                       subprocess.PIPE, subprocess.PIPE, subprocess.DEVNULL)
    with guarded(run, master):
        master.stdin.write(b"x")
        master.stdin.flush()
        same(master.stdout.read1(1), b"x", "the master's echo")
        size = 1 << 20
        for _ in range(3):
            cases_transfer.down(run, peer, server, 1 << 20, **more)
        done = run.call(peer, peer.argv(server, "sessions", **more))
        same(done.out, b"1\n", f"sessions ({done.err})")
        master.stdin.close()
        same(master.wait(), 0, "the master's exit code")


def forwards(run, peer, server):
    done = run.call(peer, peer.argv(server, "-W127.0.0.1:1"))
    check(done.code != 0 and "open failed" in done.err, done.err)
    done = run.call(peer, peer.argv(server, "-R0:127.0.0.1:1", "noop",
                                    options=["ExitOnForwardFailure=yes"]))
    check(done.code == 255 and "forwarding failed" in done.err, done.err)
    done = run.call(peer, peer.argv(server, "-A", "-X", "noop"))
    same(done.code, 0, f"exit code ({done.err})")


def narrow(run, peer, server):
    cases_transfer.both(run, peer, server, 1 << 20)
    cases_transfer.up(run, peer, server, 1 << 20)
    cases_transfer.down(run, peer, server, 1 << 20)


def paramiko_events(run, peer, server):
    done = run.call(peer, peer.argv(server, "-t", "pty",
                                    options=["--events"]))
    text = done.out.decode()
    want = ("pty 100x30 erase=0 vt220\nwatching\nwindow 120x40 erase=0 \n"
            "signal USR1\nbreak 250\n")
    same((done.code, text), (0, want), f"what came ({done.err})")


def paramiko_three(run, peer, server):
    done = run.call(peer, peer.argv(server, "source 1000",
                                    options=["--count", 3]))
    with open(run.pattern(1000), "rb") as f:
        same(done.out, f.read() * 3, f"output ({done.err})")
