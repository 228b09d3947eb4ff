"""bench_verdicts.py: the targets, a row each, and whether they were met.

Part a to g are the targets of a server beside the best of its peers and beside
the floor, see docs/performance.md; "loops" and "far" those of several loops and
of a far way.
"""
from bench_figures import (
    CHACHA, GCM, OURS, SHORT, absent_servers, best, figure, median, number,
    pick, plus, ratios, servers, span, worst)


class Verdict:
    """One row: `measured` against `limit`; ok is None where it was not."""

    def __init__(self, part, what, measured, against, ratio, limit, ok, miss):
        self.part, self.what = part, what
        self.measured, self.against = measured, against
        self.ratio, self.limit = ratio, limit
        self.ok, self.miss = ok, miss

    def word(self):
        return "met" if self.ok else f"**missed** {self.miss}"


def against(part, what, ours, other, name, limit, unit):
    """Ours is at most `limit` times the other."""
    r = ratios(ours, other)
    if not r:
        return Verdict(part, what, span(ours, unit),
                       f"{name}: {span(other, unit)}" if name else "-", "-",
                       f"{limit:g} x", None, "")
    ratio = median(r)
    return Verdict(part, what, span(ours, unit), f"{name}: {span(other, unit)}",
                   span(r), f"{limit:g} x", ratio <= limit * (1 + 1e-9),
                   f"by {number((ratio / limit - 1) * 100)} %")


def at_most(part, what, fig, limit, unit=""):
    """The median is at most this."""
    value = median(fig)
    text = f"{limit:g} {unit}".rstrip()
    if value is None:
        return Verdict(part, what, "-", "-", "-", text, None, "")
    miss = f"by {number((value / limit - 1) * 100)} %" if limit else \
        f"({number(value)})"
    return Verdict(part, what, span(fig, unit), "-", "-", text, value <= limit,
                   miss)


def at_least(part, what, fig, limit, unit=""):
    value = median(fig)
    text = f"at least {limit:g} {unit}".rstrip()
    if value is None:
        return Verdict(part, what, "-", "-", "-", text, None, "")
    return Verdict(part, what, span(fig, unit), "-", "-", text, value >= limit,
                   f"by {number((1 - value / limit) * 100)} %")


def tell_floor(row, floor, other):
    """Where the floor itself stands beside the best, if that was missed: it
    may be above the limit, too."""
    least = median(ratios(floor, other))
    if row.ok is False and least is not None:
        row.miss += f"; the floor is at {number(least)} x"


def bulk_verdicts(records, absent):
    rows = []
    for part, cipher, with_floor in (("a", CHACHA, 1.1), ("b", GCM, 1.12)):
        for way, side in (("up", "receiver"), ("down", "sender")):
            what = f"{SHORT[cipher]} {way}"
            found = servers(records, "server_cpu_s_gib", w=way, cipher=cipher)
            if part == "a":
                found.update(absent_servers(absent, found, row=way,
                                            cipher=cipher))
                name, other = best(found)
                limit = 0.85
            else:                        # russh's assembler is not meant
                name, other = best(found, ("openssh", "libssh", "go",
                                           "ssh2-node"))
                limit = 1.0
            rows.append(against(part, f"{what}, server CPU, beside the best",
                                found.get(OURS, {}), other, name, limit,
                                "s/GiB"))
            match = {"set": "ours", "bench": "transfer", "way": way,
                     "cipher": cipher}
            whole = figure(records, "cpu_s_gib", **match)
            floor = plus(figure(records, "primitive_s_gib", **match),
                         figure(records, f"{side}_cpu_s_gib", set="limits",
                                what="bulk", cpus=None))
            tell_floor(rows[-1], floor, other)
            rows.append(against(part, f"{what}, server CPU, beside the floor",
                                whole, floor, "primitive + libuv", with_floor,
                                "s/GiB"))
    return rows


def seal_verdicts(records):
    rows = []
    for layer in ("packet send", "packet next"):
        for size, limit in ((32768, 1 / 0.97), (100, 1), (180, 1), (300, 1)):
            fig = figure(records, "ratio", set="micro", bench="micro-seal",
                         cipher="chacha20-poly1305", what=layer, bytes=size)
            row = at_most("a", f"{layer}, {size} bytes, to the primitive", fig,
                          round(limit, 3), "x")
            rows.append(row)
    return rows


def login_verdicts(records, absent):
    rows = []
    for cpus, c, limit in ((None, 8, 0.5), (None, 32, 0.5), ("0", 1, 0.6)):
        where = "" if cpus is None else ", on one CPU"
        what = f"login, {c} in flight{where}, server CPU"
        found = servers(records, "server_cpu_ms", w="hs", c=c, cpus=cpus)
        name, other = best(found, ("libssh", "go"))
        ours = found.get(OURS, {})
        rows.append(against("c", f"{what}, beside the best", ours, other, name,
                            limit, "ms"))
        if cpus is None:
            for name, other in absent_servers(absent, found, row="hs",
                                              c=c).items():
                rows.append(against("c", f"{what}, beside {name[:-1]}", ours,
                                    other, name, 1, "ms"))
            rows.append(against(
                "c", f"{what}, beside the floor",
                figure(records, "server_cpu_ms", set="ours", workload="login",
                       in_flight=c, cpus=None),
                figure(records, "primitive_ms", set="ours", workload="login",
                       in_flight=c, cpus=None),
                "primitives in it", 1.8, "ms"))
    for c in (1, 8, 32, 256):
        rows.append(at_most("c", f"failed of all logins, {c} in flight",
                            worst(records, "failed", set="ours",
                                  workload="login", in_flight=c), 0))
    rows.append(at_most("c", "another's echo beside 256 logins, p50",
                        figure(records, "echo_p50_ms", set="ours",
                               workload="login", in_flight=256), 1, "ms"))
    return rows


def quickest(records, way, size):
    """A packet's time in libsodium, us; by its plain calls or as we call it."""
    figures = [figure(records, "ns", 1e-3, set="micro", bench="micro-seal",
                      cipher="chacha20-poly1305", what=f"{who} {way}",
                      bytes=size) for who in ("bare", "cipher")]
    return min((f for f in figures if f), key=median, default={})


def echo_floor(records):
    """The kernel's time for a read and a send, and libsodium's for a message:
    the peers' driver sends a window adjustment with each."""
    return plus(figure(records, "kernel_us", set="peers", bench="echo-share"),
                quickest(records, "open", 100), quickest(records, "open", 20),
                quickest(records, "seal", 100))


def echo_verdicts(records, absent):
    found = servers(records, "server_cpu_us", w="echo", size=100, c=32,
                    cpus=None)
    found.update(absent_servers(absent, found, row="echo", c=32))
    name, other = best(found)
    rows = [against("d", "echo, 32 connections, server CPU",
                    found.get(OURS, {}), other, name, 0.65, "us")]
    floor = echo_floor(records)
    tell_floor(rows[0], floor, other)
    rows.append(against("d", "echo, 32 connections, server CPU, beside the "
                        "floor", figure(records, "cpu_us", set="peers",
                                        bench="echo-share"), floor,
                        "kernel + primitive", 1.25, "us"))
    for cpus, where in ((None, ""), ("0", ", on one CPU")):
        for field in ("p50_us", "p99_us"):
            found = servers(records, field, w="echo", size=100, c=1, cpus=cpus)
            name, other = best(found)
            rows.append(against("d", f"echo, 1 connection, {field[:3]}{where}",
                                found.get(OURS, {}), other, name, 1, "us"))
    return rows


def relay_verdicts(records, absent):
    rows = []
    for mode, limit in (("burst", 0.25), ("paced", 0.75)):
        found = servers(records, "server_cpu_us", w="relay", mode=mode,
                        cpus=None)
        found.update(absent_servers(absent, found, row="relay", mode=mode))
        name, other = best(found)
        ours = found.get(OURS, {})
        first = against("e", f"relay, {mode}, server CPU, beside the best",
                        ours, other, name, limit, "us")
        rate = 0 if mode == "burst" else 50
        mine = [r for r in pick(records, set="ours", workload="relay")
                if (r.get("line_rate") or 0) == rate]
        second = against("e", f"or: relay, {mode}, server CPU, beside the "
                         "floor",
                         figure(mine, "server_cpu_us"),
                         figure(records, "server_cpu_us", set="limits",
                                what="relay", rate=rate, cpus=None),
                         "libuv alone", 1.1, "us")
        if second.ok:                    # one of the two is enough
            first.miss += "; met below"
        elif first.ok and second.ok is False:
            second.miss += "; met above"
        rows += [first, second]
        found = servers(records, "p99_us", w="relay", mode=mode, cpus=None)
        name, other = best(found)
        rows.append(against("e", f"relay, {mode}, p99", found.get(OURS, {}),
                            other, name, 1, "us"))
    return rows


def memory_verdicts(records):
    idle = pick(records, set="ours", workload="idle", login="yes")
    counts = sorted({r["count"] for r in idle})
    most = counts[-1] if counts else 0
    few = counts[0] if counts else 0
    of = {"set": "ours", "workload": "idle", "login": "yes", "count": most}
    wanted = max((r.get("wanted", 0) for r in idle), default=0)
    rows = [
        at_most("f", f"memory of an idle session, {most} of them",
                figure(records, "pss_kib", **of), 8, "KiB"),
        at_most("f", "memory of a connection that does not log in",
                figure(records, "pss_kib", set="ours", workload="idle",
                       login="no, ident only"), 8, "KiB"),
        at_least("f", "idle sessions in one process",
                 figure(records, "count", **of) if wanted else {}, wanted),
        against("f", "one more login while they are there, server CPU",
                figure(records, "server_cpu_ms", set="ours", beside=most),
                figure(records, "server_cpu_ms", set="ours", beside=0,
                       of=most), "before", 1.15, "ms"),
        against("f", "memory of a session, the more they are",
                figure(records, "pss_kib", **of),
                figure(records, "pss_kib", **dict(of, count=few)),
                f"{few} of them", 1.1, "KiB"),
        against("f", "memory left behind by a session that has gone",
                figure(records, "after_pss_kib", **of),
                figure(records, "pss_kib", **of), "while it was there", 0.1,
                "KiB"),
        at_most("g", f"CPU of {most} idle sessions in 3 s",
                figure(records, "idle_cpu_s", 1e3, **of), 1, "ms"),
    ]
    if most == few and most != 0:
        rows[4].ok = None                # nothing to compare with
    return rows


def held_verdict(records):
    """The longest of all callbacks of all runs; processor time."""
    held = [r for r in pick(records, set="ours", bench="server")
            if "callback_ms" in r]
    worst = max(held, key=lambda r: r["callback_ms"], default={})
    row = at_most("g", "longest that a callback held the loop"
                  + (f" ({worst['callback']}, in: {worst['held_in']})"
                     if worst else ""),
                  {0: worst["callback_ms"]} if worst else {}, 5, "ms")
    return [row]


def loops_verdicts(records):
    """Two loops cost what one does, and both are busy."""
    rows = []
    for work, unit in (("login", "ms"), ("up", "s/GiB"), ("down", "s/GiB")):
        one, two = (figure(records, "server_cpu", bench="loops", work=work,
                           loops=n) for n in (1, 2))
        rows.append(against("loops", f"{work}, 2 loops, server CPU", two, one,
                            "1 loop", 1.1, unit))
        rows.append(at_least("loops", f"{work}, 2 loops, share of the CPU of "
                             "the one that did less",
                             figure(records, "least_cpu", bench="loops",
                                    work=work, loops=2), 0.3))
    return rows


def far_verdicts(records):
    """Five times what a fixed window allows, or most of what the way can do."""
    rows = []
    for way in ("up", "down"):
        rate = {window: figure(records, "mib_s", set="ours", bench="far",
                               window=window, way=way)
                for window in ("none", "fixed", "growing")}
        what = f"{way}, a round trip of 100 ms"
        first = at_least("far", f"{what}, to a window of 2 MiB",
                         ratios(rate["growing"], rate["fixed"]), 5, "x")
        second = at_least("far", f"or: {what}, to TCP alone",
                          ratios(rate["growing"], rate["none"]), 0.8, "x")
        for row, other in ((first, second), (second, first)):
            row.measured = span(rate["growing"], "MiB/s")
            if row.ok is False and other.ok:
                row.miss += "; the other is met"
        first.against = f"fixed: {span(rate['fixed'], 'MiB/s')}"
        second.against = f"TCP: {span(rate['none'], 'MiB/s')}"
        first.ratio = span(ratios(rate["growing"], rate["fixed"]))
        second.ratio = span(ratios(rate["growing"], rate["none"]))
        rows += [first, second]
    return rows


def hybrid_verdicts(records):
    return [against("hybrid", f"login with mlkem768x25519, 32 in flight, {who}",
                    figure(records, "login_ms", bench="hybrid", side=side),
                    figure(records, "beside_ms", bench="hybrid", side=side),
                    "curve25519", 1.35, "ms")
            for who, side in (("both sides' CPU", "both"),
                              ("server CPU", "server"))]


def verdicts(records, absent):
    return (bulk_verdicts(records, absent) + seal_verdicts(records)
            + login_verdicts(records, absent) + echo_verdicts(records, absent)
            + relay_verdicts(records, absent) + memory_verdicts(records)
            + held_verdict(records) + loops_verdicts(records)
            + far_verdicts(records) + hybrid_verdicts(records))
