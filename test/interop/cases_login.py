"""Logging in: every method, right and wrong."""
from servers import Skipped, check, same

PASSWORD, NEW = "open sesame", "a better one"


def by_password(run, peer, server, password, new=None, **more):
    """How each peer is told a password."""
    if peer.name == "openssh":
        argv = peer.argv(server, "noop", key=False, **more)
        return run.call(peer, argv, password=password, new_password=new)
    if peer.name == "dropbear":
        return run.call(peer, peer.argv(server, "noop", key=False),
                        password=password)
    return run.call(peer, peer.argv(server, "noop", key=False,
                                    password=password, **more))


def right(run, peer, done, server, mark):
    same(done.code, 0, f"exit code ({done.err[-400:]})")
    server.wait(f"^ready {run.user}$", after=mark)


def wrong(run, peer, done, server, mark):
    check(done.code != 0 or not peer.tells_end, f"got in: {done.err[-300:]}")
    server.wait(r"^closed .* phase=3 ", after=mark)
    check(not [e for e in server.events[mark:] if e.startswith("ready")],
          "logged in")


def change_at_a_terminal(run, peer, server):
    """plink asks at its terminal."""
    argv = peer.argv(server, "noop", key=False, password=PASSWORD, batch=False)
    with run.terminal(peer, argv) as term:
        term.expect("expired")
        term.expect("Current password.*:")
        term.type("\n")
        for prompt in ("Enter new password:", "Confirm new password:"):
            term.expect(prompt)
            term.type(NEW + "\n")
        same(term.wait(), 0, "exit code: " + term.text)


def cases(run, peer):
    passwords = ("--auth", "password", "--password", PASSWORD)

    def password():
        with run.server(*passwords) as server:
            mark = server.mark()
            right(run, peer, by_password(run, peer, server, PASSWORD), server,
                  mark)
            mark = server.mark()
            wrong(run, peer, by_password(run, peer, server, "wrong"), server,
                  mark)

    def change():
        if not peer.change:
            raise Skipped("it does not speak the change request")
        with run.server(*passwords, "--change-password", NEW) as server:
            if peer.name == "plink":
                return change_at_a_terminal(run, peer, server)
            mark = server.mark()
            right(run, peer, by_password(run, peer, server, PASSWORD, NEW),
                  server, mark)
            mark = server.mark()
            wrong(run, peer, by_password(run, peer, server, PASSWORD, "same"),
                  server, mark)

    def publickey():
        with run.server() as server:
            mark = server.mark()
            right(run, peer, run.call(peer, peer.argv(server, "noop")), server,
                  mark)
            mark = server.mark()
            wrong(run, peer, run.call(peer, peer.argv(
                server, "noop", key=run.other_key)), server, mark)

    def none():
        more = {"methods": "none"} if peer.name == "openssh" else {}
        with run.server("--auth", "none") as server:
            done = run.call(peer, peer.argv(server, "noop", key=False, **more))
            right(run, peer, done, server, 0)

    def later():
        with run.server("--later-auth", "--auth", "publickey,password",
                        "--authorized", run.key + ".pub",
                        "--password", PASSWORD) as server:
            right(run, peer, run.call(peer, peer.argv(server, "noop")), server,
                  0)
            mark = server.mark()
            right(run, peer, by_password(run, peer, server, PASSWORD), server,
                  mark)
            mark = server.mark()
            wrong(run, peer, by_password(run, peer, server, "wrong"), server,
                  mark)

    def banner():
        with run.server("--banner", "Be welcome, stranger.\n") as server:
            done = run.call(peer, peer.argv(server), stdin=b"exit\n")
            same(done.code, 0, "exit code")
            same(done.err.count("Be welcome, stranger."), 1,
                 f"times the banner was shown ({done.err})")
            same(done.out, b"shell\n", "stdout")

    yield "password, right and wrong", password
    yield "password that must change", change
    yield "publickey, accepted and refused", publickey
    yield "none", none
    yield "verdicts from the thread pool", later
    yield "banner", banner
    if peer.name == "openssh":
        yield from of_openssh(run, peer)
    if peer.name == "paramiko":
        yield from of_paramiko(run, peer)


def of_openssh(run, peer):
    options = ("--partial", "--auth", "publickey,password", "--authorized",
               run.key + ".pub", "--password", PASSWORD)

    def steps(methods, password=PASSWORD, key=True):
        def log_in(server):
            return run.call(peer, peer.argv(server, "-v", "noop", key=key,
                                            methods=methods),
                            password=password)
        return log_in

    def partial():
        with run.server(*options) as server:
            for methods in ("publickey,password", "password,publickey"):
                mark = server.mark()
                done = steps(methods)(server)
                right(run, peer, done, server, mark)
                check("partial success" in done.err, done.err[-600:])

    def partial_refused():
        with run.server(*options) as server:
            for log_in in (steps("publickey"), steps("password"),
                           steps("publickey,password", password="wrong"),
                           steps("publickey,password", key=run.other_key),
                           steps("publickey,publickey")):
                mark = server.mark()
                wrong(run, peer, log_in(server), server, mark)

    def tries():
        with run.server("--auth", "password", "--password", PASSWORD,
                        "--auth-tries", 2) as server:
            done = by_password(run, peer, server, "wrong",
                               options=["NumberOfPasswordPrompts=9"])
            same(done.code, 255, "exit code")
            same(done.err.count("Permission denied, please try again"), 1,
                 f"refusals before the end ({done.err})")
            server.wait(r"^closed .* by_peer=0 reason=(2|14) ")

    yield "partial success, both orders", partial
    yield "partial success, one step is wrong", partial_refused
    yield "too many failures", tries


def of_paramiko(run, peer):
    def again():
        with run.server("--auth", "password", "--password", PASSWORD) as server:
            argv = peer.argv(server, "noop", key=False, password="wrong",
                             options=["--password", "also wrong",
                                      "--password", PASSWORD])
            done = run.call(peer, argv)
            same(done.code, 0, f"exit code ({done.err})")
            same(done.err.count("refused:"), 2, f"refusals ({done.err})")
            server.wait("^ready ")

    yield "a service request before every attempt", again
