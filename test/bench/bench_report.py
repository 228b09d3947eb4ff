"""bench_report.py: from what the measuring programs said to one page.

    python3 bench_report.py FOLDER      writes FOLDER/report.md again

FOLDER holds results.jsonl and conditions.json of scripts/bench. Everything here
is a function of those two and of absent.json; nothing is measured. Tested by
test/check/test-bench-report.py.
"""
import json
import os
import sys

from bench_figures import (
    SHORT, figure, json_lines, median, number, pick, span, usable)
from bench_verdicts import verdicts

HERE = os.path.dirname(os.path.abspath(__file__))


def table(head, rows):
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return out + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def verdict_table(rows):
    """What was not measured is only named."""
    judged = [v for v in rows if v.ok is not None]
    absent = [f"{v.part} {v.what}" for v in rows if v.ok is None]
    out = []
    if judged:
        out += table(["", "target", "uvssh", "against", "ratio", "limit", ""],
                     [[v.part, v.what, v.measured, v.against, v.ratio, v.limit,
                       v.word()] for v in judged])
    if absent:
        out += ["Not measured: " + "; ".join(dict.fromkeys(absent)) + ".", ""]
    return out


def peer_table(records, title, keys, columns, **match):
    """One row a server and key; the least of the first column in bold."""
    rows = [r for r in pick(records, set="peers", **match) if usable(r)]
    if not rows:
        return []
    groups = {}
    for r in rows:
        groups.setdefault(tuple(r.get(k) for k in keys), {}).setdefault(
            r["server"], []).append(r)
    lines = []
    for key, by_server in groups.items():
        first = {s: figure(rs, columns[0][1]) for s, rs in by_server.items()}
        least = min((median(f) for f in first.values() if f), default=None)
        for name, rs in by_server.items():
            cells = [span(figure(rs, field)) for _, field in columns]
            if median(first[name]) == least:
                name = f"**{name}**"
            lines.append([SHORT.get(k, "all" if k is None else str(k))
                          for k in key] + [name] + cells)
    return [f"### {title}", ""] + table(
        [k.replace("cpus", "CPUs") for k in keys] + ["server"]
        + [c for c, _ in columns], lines)


def peer_tables(records):
    out = []
    for way, title in (("up", "Upload"), ("down", "Download")):
        out += peer_table(records, title, ("cipher",),
                          (("server CPU s/GiB", "server_cpu_s_gib"),
                           ("MiB/s", "mib_s"),
                           ("client CPU s/GiB", "client_cpu_s_gib")), w=way)
    out += peer_table(records, "Logins", ("cpus", "c"),
                      (("server CPU ms", "server_cpu_ms"), ("a second", "rate"),
                       ("p50 ms", "p50_ms"), ("p99 ms", "p99_ms")), w="hs")
    out += peer_table(records, "Echo", ("cpus", "size", "c"),
                      (("server CPU us", "server_cpu_us"), ("a second", "rate"),
                       ("p50 us", "p50_us"), ("p99 us", "p99_us")), w="echo")
    out += peer_table(records, "Relay, 1 to 100", ("mode",),
                      (("server CPU us", "server_cpu_us"), ("a second", "rate"),
                       ("p50 us", "p50_us"), ("p99 us", "p99_us")), w="relay")
    out += peer_table(records, "Idle sessions", ("n",),
                      (("KiB a session", "pss_kib_per"),
                       ("idle CPU %", "idle_cpu_pct"),
                       ("left behind KiB", "after_pss_kib_per")), w="idle")
    return out


def plain_table(records, title, keys, columns, **match):
    rows = pick(records, **match)
    groups = {}
    for r in rows:
        groups.setdefault(tuple(r.get(k) for k in keys), []).append(r)
    if not groups:
        return []
    lines = [[SHORT.get(k, "" if k is None else str(k)) for k in key]
             + [span(figure(rs, field)) for _, field in columns]
             for key, rs in groups.items()]
    return [f"### {title}", ""] + table(
        [k.replace("cpus", "CPUs").replace("_", " ") for k in keys]
        + [c for c, _ in columns], lines)


def callback_table(records):
    """The longest of each kind, in all runs."""
    rows = {}
    for r in pick(records, bench="server"):
        for kind, (_, cpu, _) in r.get("callbacks", {}).items():
            rows.setdefault(kind, []).append((cpu, r["held_in"]))
    if not rows:
        return []
    return ["### Callbacks, each by itself", ""] + table(
        ["callback", "longest, CPU ms", "in"],
        [[kind, number(cpu), where]
         for kind, (cpu, where) in sorted((k, max(v))
                                          for k, v in rows.items())])


def own_tables(records):
    us = (("server CPU us", "server_cpu_us"), ("client CPU us",
                                               "client_cpu_us"),
          ("p50 us", "p50_us"), ("p99 us", "p99_us"))
    return (
        plain_table(records, "Bulk, with the primitive inside the run",
                    ("way", "cipher"),
                    (("server CPU s/GiB", "cpu_s_gib"),
                     ("primitive s/GiB", "primitive_s_gib"),
                     ("the rest s/GiB", "rest_s_gib")), bench="transfer")
        + plain_table(records, "Logins", ("cpus", "in_flight"),
                      (("server CPU ms", "server_cpu_ms"),
                       ("primitives in it ms", "primitive_ms"),
                       ("client CPU ms", "client_cpu_ms"),
                       ("a second", "rate"), ("p50 ms", "p50_ms"),
                       ("p99 ms", "p99_ms"), ("failed", "failed"),
                       ("another's echo p50 ms", "echo_p50_ms")),
                      workload="login", beside=None)
        + plain_table(records, "Echo, 100 bytes", ("cpus", "connections"), us,
                      workload="echo")
        + plain_table(records, "Relay, 1 to 100", ("line_rate",), us,
                      workload="relay")
        + plain_table(records, "Idle connections", ("login", "count"),
                      (("KiB each", "pss_kib"), ("left behind KiB",
                                                 "after_pss_kib"),
                       ("CPU s in 3 s", "idle_cpu_s"),
                       ("CPU ms to come", "setup_server_cpu_ms")),
                      workload="idle", ready=None)
        + plain_table(records, "Loops, two clients", ("work", "loops"),
                      (("server CPU, ms or s/GiB", "server_cpu"),
                       ("least of the sessions", "least_sessions"),
                       ("least of the CPU", "least_cpu")), bench="loops")
        + plain_table(records, "A round trip of 100 ms", ("way", "window"),
                      (("MiB/s", "mib_s"),), bench="far")
        + plain_table(records, "How long the loop was held", ("held_in",),
                      (("longest callback, CPU ms", "callback_ms"),
                       ("whole turn, CPU ms", "held_cpu_ms"),
                       ("whole turn ms", "held_ms"),
                       ("its reads ms", "held_reads_ms"),
                       ("behind them ms", "held_turn_ms")), bench="server",
                      held_exact=True)
        + callback_table(records))


def limit_tables(records):
    return (plain_table(records, "Bulk through libuv alone", ("what",),
                        (("receiver CPU s/GiB", "receiver_cpu_s_gib"),
                         ("sender CPU s/GiB", "sender_cpu_s_gib")),
                        set="limits", what="bulk")
            + plain_table(
                [r for r in pick(records, set="limits")
                 if r.get("what") != "bulk"], "Messages through libuv alone",
                ("what", "cpus", "connections", "rate"),
                (("server CPU us", "server_cpu_us"), ("p50 us", "p50_us"),
                 ("p99 us", "p99_us")), set="limits"))


def seal_table(records):
    """Sizes across, layers down."""
    rows = pick(records, set="micro", bench="micro-seal")
    sizes = sorted({r["bytes"] for r in rows})
    lines = []
    for cipher in dict.fromkeys(r["cipher"] for r in rows):
        for what in dict.fromkeys(r["what"] for r in rows):
            is_bare = what.startswith("bare")
            figs = [figure(rows, "ns" if is_bare else "ratio", cipher=cipher,
                           what=what, bytes=size) for size in sizes]
            if any(figs):
                lines.append([cipher, what + (", ns" if is_bare else ", ratio")]
                             + [f"{median(f):.0f}" if f and is_bare else
                                f"{median(f):.3f}" if f else "-"
                                for f in figs])
    if not lines:
        return []
    return ["### Sealing and opening, as ratios to the bare primitive", ""] + \
        table(["cipher", "bytes of data"] + [str(s) for s in sizes], lines)


def micro_tables(records):
    return (seal_table(records)
            + plain_table(records, "A message of the peer",
                          ("message", "cipher"),
                          (("in the clear ns", "clear_ns"),
                           ("bare primitive ns", "bare_ns"),
                           ("sealed ns", "sealed_ns"), ("ratio", "ratio")),
                          set="micro", bench="micro-message")
            + plain_table(records, "Keys and logins in memory", ("what",),
                          (("bare us", "bare_us"), ("ours us", "us"),
                           ("a second", "per_s"), ("ratio", "ratio")),
                          set="micro", bench="micro-kex"))


def absent_table(absent):
    out = []
    for peer in absent.get("peers", []):
        out += [f"\\* {peer['name']} {peer['version']} was not run: "
                f"{peer['where']}, {peer['when']}. It counts as ratios to "
                f"{absent['base']} of this run:", ""]
        out += table(["row", "ratio"],
                     [[" ".join(SHORT.get(v, str(v)) if k != "c"
                                else f"{v} in flight" if r["row"] == "hs"
                                else f"{v} connections"
                                for k, v in r.items() if k != "ratio"),
                       f"{r['ratio']:g}"] for r in peer["ratios"]])
    return out


def head(about):
    rows = [[k, str(v)] for k, v in about.items()
            if k not in ("failed", "notes", "quick") and v not in ("", None)]
    out = table(["", ""], rows)
    if about.get("quick"):
        out += ["**A quick run: small sizes. It shows that everything works; "
                "its verdicts do not count.**", ""]
    said = [f"- FAILED {name}: {why}" for name, why in about.get("failed", [])]
    said += [f"- the peers' harness: {text}" for text in about.get("notes", [])]
    return out + said + [""] * bool(said)


def report(about, records, absent):
    """Markdown."""
    rows = verdicts(records, absent)
    judged = [v for v in rows if v.ok is not None]
    out = ["# Measured", ""] + head(about)
    out += ["## Targets", "",
            f"{sum(v.ok for v in judged)} of {len(judged)} met, "
            f"{len(rows) - len(judged)} not measured. Median (least-most); the "
            "ratio is that within each repetition.", ""]
    out += verdict_table(rows)
    for title, lines in (("## Beside the peers", peer_tables(records)),
                         ("## Ours", own_tables(records)),
                         ("## What the machine can do", limit_tables(records)),
                         ("## In memory", micro_tables(records))):
        if lines:
            out += [title, ""] + lines
    if pick(records, set="peers") and absent.get("peers"):
        out += ["## Not here", ""] + absent_table(absent)
    return "\n".join(out).rstrip() + "\n"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def write(folder):
    records = []
    results = os.path.join(folder, "results.jsonl")
    if os.path.exists(results):
        records = json_lines(read(results))
    about = json.loads(read(os.path.join(folder, "conditions.json")))
    absent = json.loads(read(os.path.join(HERE, "absent.json")))
    path = os.path.join(folder, "report.md")
    with open(path, "w", encoding="utf-8") as f:
        f.write(report(about, records, absent))
    return path


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    print(write(sys.argv[1]))
