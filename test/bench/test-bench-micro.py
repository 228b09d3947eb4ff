#!/usr/bin/env python3
"""The small measuring programs run, check what they move, and say what
bench_figures.py reads. How fast they are is no matter here."""
import os

import report

BENCH = os.path.join(report.build_dir(), "test", "bench")


def lines(program, *options):
    import bench_figures
    return bench_figures.json_lines(
        report.command(os.path.join(BENCH, program), "--json", *options))


def each(rows, **wanted):
    """One row at least has these; all numbers of each are above 0."""
    found = [r for r in rows if all(r.get(k) == v for k, v in wanted.items())]
    if not found:
        report.failed(f"no line with {wanted} in {rows}")
    for r in found:
        if any(v <= 0 for k, v in r.items()
               if isinstance(v, float) and not k.startswith("p")):
            report.failed(str(r))
    return found


def seal():
    rows = lines("micro-seal", "--ms", "1")
    for size in (20, 100, 180, 300, 1024, 4096, 8192, 16384, 32768):
        for what in ("bare seal", "cipher seal", "packet send", "bare open",
                     "cipher open", "packet next"):
            each(rows, cipher="chacha20-poly1305", bytes=size, what=what)
            each(rows, cipher="aes256-ctr mac", bytes=size, what=what)


def message():
    rows = lines("micro-message", "--ms", "1")
    for name in ("CHANNEL_DATA, 100 bytes", "CHANNEL_WINDOW_ADJUST",
                 "IGNORE, 16 bytes", "PING and PONG", "KEXINIT both ways"):
        for r in each(rows, message=name, cipher="chacha20-poly1305"):
            if not {"clear_ns", "bare_ns", "sealed_ns", "ratio"} <= set(r):
                report.failed(str(r))


def kex():
    rows = lines("micro-kex", "--ms", "1")
    for what in ("X25519 key pair", "Ed25519 sign and check",
                 "login, server's side", "login, client's side",
                 "ML-KEM-768 encapsulate",
                 "hybrid login to X25519's, server"):
        for r in each(rows, what=what):
            if not {"bare_us", "us", "per_s", "ratio"} <= set(r):
                report.failed(str(r))


def limits():
    rows = lines("bench-limits", "--quick", "--reps", "1", "bulk", "echo")
    for r in each(rows, what="bulk"):
        if not {"sender_cpu_s_gib", "receiver_cpu_s_gib"} <= set(r):
            report.failed(str(r))
    for connections in (1, 32):
        each(rows, what="echo", connections=connections)


def refuses():
    for program in ("micro-seal", "micro-message", "micro-kex",
                    "bench-limits"):
        try:
            report.command(os.path.join(BENCH, program), "--nonsense")
        except report.Failed as e:
            if "exit status 2" not in str(e) or "usage" not in str(e):
                raise
        else:
            report.failed(f"{program} --nonsense")


for rule in (seal, message, kex, limits, refuses):
    report.run(rule.__name__, rule)
report.end()
