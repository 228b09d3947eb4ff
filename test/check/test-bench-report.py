#!/usr/bin/env python3
"""The report of scripts/bench: figures, ratios and verdicts from made-up
results."""
import json
import os
import sys

import report

sys.path.insert(0, os.path.join(report.ROOT, "test", "bench"))
import bench_figures as f  # noqa: E402
import bench_report as b  # noqa: E402
from bench_verdicts import verdicts  # noqa: E402

CHACHA = f.CHACHA


def equal(a, wanted):
    if a != wanted:
        report.failed(f"{a!r}, wanted {wanted!r}")


def peer(server, rep, value, w="up", field="server_cpu_s_gib", **more):
    return dict({"set": "peers", "rep": rep, "w": w, "server": server,
                 field: value, "rc": 0}, **more)


def lines_among_words():
    equal(f.json_lines('# scratch\n{"a": 1}\n{broken\n {"b": 2} \n'),
          [{"a": 1}, {"b": 2}])


def figures_by_repetition():
    rows = [{"rep": 0, "x": 1.0, "k": 1}, {"rep": 1, "x": 3.0, "k": 1},
            {"rep": 1, "x": 5.0, "k": 1}, {"rep": 2, "x": 9.0, "k": 2},
            {"rep": 3, "x": None, "k": 1}]
    equal(f.figure(rows, "x", k=1), {0: 1.0, 1: 4.0})
    equal(f.figure(rows, "x", 2, k=2), {2: 18.0})
    equal(f.figure(rows, "x", k=1, cpus=None), {0: 1.0, 1: 4.0})
    equal(f.figure(rows, "nothing"), {})


def ratios_within_a_repetition():
    """Twice as slow a machine in repetition 1 changes nothing."""
    ours, other = {0: 1.0, 1: 2.0, 2: 1.0}, {0: 2.0, 1: 4.0, 2: 4.0}
    equal(f.ratios(ours, other), {0: 0.5, 1: 0.5, 2: 0.25})
    equal(f.ratios({0: 1.0}, {1: 4.0}), {0: 0.25})
    equal(f.ratios({0: 1.0}, {0: 0.0}), {})
    equal(f.ratios({}, other), {})
    equal(f.plus({0: 1.0, 1: 1.0}, {1: 2.0, 2: 2.0}), {1: 3.0})


def spans_for_people():
    equal(f.span({}), "-")
    equal(f.span({0: 1.234}, "s"), "1.23 s")
    equal(f.span({0: 1.0, 1: 2.0, 2: 30.0}), "2.00 (1.00-30.0)")
    equal(f.span({0: 0.0, 1: 1234.5}), "617 (0-1234)")


def the_best_is_somebody_else():
    found = {"uvssh": {0: 0.1}, "slow": {0: 3.0, 1: 3.0},
             "fast": {0: 1.0, 1: 9.0, 2: 1.0}, "none": {}}
    equal(f.best(found), ("fast", found["fast"]))
    equal(f.best(found, ("slow",)), ("slow", found["slow"]))
    equal(f.best({"uvssh": {0: 1.0}}), ("", {}))


def failures_do_not_count():
    """A server that drops what it should do is not fast."""
    rows = [peer("drops", 0, 0.1, failed=20, n=1000),
            peer("ended", 0, 0.1) | {"rc": 1},
            peer("good", 0, 1.0, failed=9, n=1000)]
    equal(list(f.servers(rows, "server_cpu_s_gib", w="up")), ["good"])


def absent_ones_by_ratio():
    absent = {"base": "libssh", "peers": [
        {"name": "russh", "ratios": [{"row": "hs", "c": 8, "ratio": 0.5},
                                     {"row": "hs", "c": 32, "ratio": 9}]}]}
    equal(f.absent_servers(absent, {"libssh": {0: 2.0, 1: 4.0}}, row="hs",
                           c=8), {"russh*": {0: 1.0, 1: 2.0}})
    equal(f.absent_servers(absent, {"go": {0: 2.0}}, row="hs", c=8), {})


def the_file_of_absent_ones():
    """Every ratio of it belongs to a row that the verdicts ask for."""
    absent = json.loads(b.read(os.path.join(b.HERE, "absent.json")))
    if not absent["peers"] or not all(
            p["when"] and p["where"] and p["version"] and p["ratios"]
            for p in absent["peers"]):
        report.failed("who, from where and when?")


def row_of(records, text, absent=None):
    rows = [v for v in verdicts(records, absent or {}) if text in v.what]
    if not rows:
        report.failed(f"no verdict {text}")
    return rows[0]


def bulk_of(ours, other):
    return [peer(name, rep, value, cipher=CHACHA)
            for name, values in (("uvssh", ours), ("go", other))
            for rep, value in enumerate(values)]


def verdicts_of_a_ratio():
    met = row_of(bulk_of([0.8, 0.9, 1.0], [1.0, 1.2, 1.4]), "chacha20")
    equal((met.ok, met.word(), met.ratio), (True, "met", "0.750 "
                                            "(0.714-0.800)"))
    missed = row_of(bulk_of([1.7], [1.0]), "chacha20")
    equal((missed.ok, missed.word()), (False, "**missed** by 100 %"))
    equal(row_of(bulk_of([0.85], [1.0]), "chacha20").ok, True)
    equal(row_of(bulk_of([], [1.0]), "chacha20").ok, None)


def a_better_absent_one_counts():
    absent = {"base": "go", "peers": [
        {"name": "x", "ratios": [{"row": "up", "cipher": CHACHA,
                                  "ratio": 0.5}]}]}
    row = row_of(bulk_of([0.6], [1.0]), "chacha20", absent)
    equal((row.ok, row.against), (False, "x*: 0.500 s/GiB"))


def the_floor_of_bulk():
    """Primitive and transfer of the same repetition, each side with its own."""
    ours = {"set": "ours", "bench": "transfer", "cipher": CHACHA, "rep": 0}
    records = [
        dict(ours, way="up", cpu_s_gib=1.1, primitive_s_gib=0.8),
        dict(ours, way="down", cpu_s_gib=1.1, primitive_s_gib=0.8),
        {"set": "limits", "what": "bulk", "rep": 0, "receiver_cpu_s_gib": 0.2,
         "sender_cpu_s_gib": 0.1}]
    rows = [v for v in verdicts(records, {})
            if v.against.startswith("primitive +")]
    equal([v.ok for v in rows if v.part == "a"], [True, False])
    records += bulk_of([1.2], [1.25])
    equal(row_of(records, "up, server CPU, beside the best").word(),
          "**missed** by 12.9 %; the floor is at 0.800 x")


def the_floor_of_a_login():
    """What its primitives took in the same run, not elsewhere."""
    records = [
        {"set": "ours", "workload": "login", "in_flight": 8, "rep": rep,
         "server_cpu_ms": whole, "primitive_ms": 0.2}
        for rep, whole in ((0, 0.3), (1, 0.34), (2, 0.4))]
    records.append({"set": "micro", "what": "login, server's side", "rep": 0,
                    "bare_us": 1.0})
    row = row_of(records, "login, 8 in flight, server CPU, beside the floor")
    equal((row.word(), row.ratio), ("met", "1.70 (1.50-2.00)"))
    row = row_of(records[2:], "login, 8 in flight, server CPU, beside the floor")
    equal(row.ok, False)


def the_floor_of_an_echo():
    """The quicker of libsodium's calls; and where the floor itself stands
    beside the best."""
    records = [dict({"set": "micro", "bench": "micro-seal", "rep": 0,
                     "cipher": "chacha20-poly1305"}, what=what, bytes=size,
                    ns=ns)
               for what, size, ns in (
                   ("bare open", 20, 400), ("cipher open", 20, 500),
                   ("bare open", 100, 700), ("cipher open", 100, 500),
                   ("bare seal", 100, 700), ("cipher seal", 100, 600))]
    records += [{"set": "peers", "rep": 0, "bench": "echo-share",
                 "cpu_us": 8.0, "kernel_us": 5.5},
                peer("uvssh", 0, 8.0, "echo", "server_cpu_us", size=100, c=32),
                peer("go", 0, 10.0, "echo", "server_cpu_us", size=100, c=32)]
    what = "echo, 32 connections, server CPU"
    row = row_of(records, f"{what}, beside the floor")
    equal((row.word(), row.ratio), ("met", "1.14"))
    row = row_of(records, what)
    equal(row.word(), "**missed** by 23.1 %; the floor is at 0.700 x")
    records[-3]["cpu_us"] = 9.0
    equal(row_of(records, f"{what}, beside the floor").ok, False)
    records.pop(0)
    records.pop(0)
    equal(row_of(records, f"{what}, beside the floor").ok, None)
    equal(row_of(records, what).word(), "**missed** by 23.1 %")


def one_failed_login_is_seen():
    rows = [{"set": "ours", "workload": "login", "in_flight": 8, "rep": rep,
             "failed": failed} for rep, failed in ((0, 0), (1, 0), (2, 1))]
    equal(row_of(rows, "failed of all logins, 8").word(), "**missed** (1.00)")
    equal(row_of(rows[:2], "failed of all logins, 8").word(), "met")


def idle_counts():
    def idle(count, kib, left, **more):
        return dict({"set": "ours", "workload": "idle", "login": "yes",
                     "rep": 0, "count": count, "pss_kib": kib,
                     "after_pss_kib": left, "idle_cpu_s": 0.0}, **more)
    records = [idle(1000, 5.0, 5.0), idle(9000, 6.0, 0.1, wanted=9000)]
    equal(row_of(records, "idle sessions in one process").ok, True)
    equal(row_of(records, "memory of an idle session, 9000").ok, True)
    equal(row_of(records, "the more they are").ok, False)
    equal(row_of(records, "left behind").ok, True)
    records[1]["wanted"] = 15000
    equal(row_of(records, "idle sessions in one process").word(),
          "**missed** by 40.0 %")
    records[1].pop("wanted")
    equal(row_of(records, "idle sessions in one process").ok, None)


def the_longest_callback_counts():
    """Not the turn, which is longer; where none was timed there is no word."""
    records = [{"set": "ours", "bench": "server", "held_exact": True,
                "held_ms": 99.0, "callback": "read", "callback_ms": ms,
                "callbacks": {"read": [7, ms, 9.0]}, "held_in": where}
               for ms, where in ((2.0, "x"), (4.5, "y"))]
    row = row_of(records, "held the loop")
    equal((row.ok, "(read, in: y)" in row.what), (True, True))
    equal(b.callback_table(records)[4:], ["| read | 4.50 | y |", ""])
    records[0]["callback_ms"] = 5.5
    equal(row_of(records, "held the loop").ok, False)
    plain = [{"set": "ours", "bench": "server", "held_exact": False,
              "held_ms": 99.0}]
    equal(row_of(plain, "held the loop").ok, None)
    equal(b.callback_table(plain), [])


def loops_cost_the_same_and_are_busy():
    records = [{"set": "ours", "bench": "loops", "work": "up", "rep": 0,
                "loops": n, "server_cpu": cpu, "least_cpu": least}
               for n, cpu, least in ((1, 1.0, 1.0), (2, 1.05, 0.45))]
    equal(row_of(records, "up, 2 loops, server CPU").ok, True)
    equal(row_of(records, "up, 2 loops, share").ok, True)
    records[1].update(server_cpu=1.2, least_cpu=0.1)
    equal(row_of(records, "up, 2 loops, server CPU").ok, False)
    equal(row_of(records, "up, 2 loops, share").ok, False)


def one_of_two_ways_is_enough():
    """A relay: beside the best, or beside libuv alone."""
    records = [peer(n, 0, v, w="relay", field="server_cpu_us", mode="paced")
               for n, v in (("uvssh", 9.0), ("go", 10.0))] + [
        {"set": "ours", "workload": "relay", "line_rate": 50, "rep": 0,
         "server_cpu_us": 5.0},
        {"set": "limits", "what": "relay", "rate": 50, "rep": 0,
         "server_cpu_us": 5.0}]
    equal(row_of(records, "relay, paced, server").word(),
          "**missed** by 20.0 %; met below")


def a_far_way():
    def far(growing):
        return [{"set": "ours", "bench": "far", "way": "up", "rep": 0,
                 "window": window, "mib_s": rate}
                for window, rate in (("none", 100.0), ("fixed", 10.0),
                                     ("growing", growing))]
    words = [v.word() for v in verdicts(far(60.0), {}) if v.part == "far"]
    equal(words[:2], ["met", "**missed** by 25.0 %; the other is met"])
    words = [v.word() for v in verdicts(far(40.0), {}) if v.part == "far"]
    equal(words[:2], ["**missed** by 20.0 %", "**missed** by 50.0 %"])


def a_whole_report():
    about = {"date": "today", "quick": True, "failed": [["x", "why"]],
             "notes": ["go: exited"]}
    records = bulk_of([0.8, 0.9], [1.0, 1.2]) + [
        {"set": "micro", "bench": "micro-seal", "cipher": "c", "bytes": 100,
         "what": w, "ns": 5.0, "ratio": 1.0, "rep": 0}
        for w in ("bare seal", "packet send")]
    text = b.report(about, records, {})
    for wanted in ("FAILED x: why", "harness: go: exited", "do not count",
                   "**uvssh**",
                   "1 of 1 met", "| c | bare seal, ns | 5 |",
                   "| c | packet send, ratio | 1.000 |",
                   "Not measured: a chacha20-poly1305 up, server CPU, beside "
                   "the floor"):
        if wanted not in text:
            report.failed(f"no {wanted!r} in:\n{text}")
    for line in text.splitlines():
        if line.startswith("|") and not line.endswith("|"):
            report.failed(line)


def nothing_was_measured():
    text = b.report({"date": "today"}, [], {})
    if "0 of 0 met" not in text:
        report.failed(text)


for rule in (lines_among_words, figures_by_repetition,
             ratios_within_a_repetition, spans_for_people,
             the_best_is_somebody_else, failures_do_not_count,
             absent_ones_by_ratio, the_file_of_absent_ones,
             verdicts_of_a_ratio, a_better_absent_one_counts,
             the_floor_of_bulk, the_floor_of_a_login, the_floor_of_an_echo,
             one_failed_login_is_seen, idle_counts,
             the_longest_callback_counts, loops_cost_the_same_and_are_busy,
             one_of_two_ways_is_enough,
             a_far_way, a_whole_report, nothing_was_measured):
    report.run(rule.__name__, rule)
report.end()
