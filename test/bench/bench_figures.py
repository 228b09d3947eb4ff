"""bench_figures.py: figures out of what the measuring programs said.

A record is one line of results.jsonl, see measure.py. A figure is a dict
{repetition: value}. Ratios are taken within a repetition, and the median over
the repetitions is what counts: the machine drifts.
"""
import json
import statistics

OURS = "uvssh"
CHACHA, GCM = "chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com"
SHORT = {CHACHA: "chacha20-poly1305", GCM: "aes256-gcm"}


def json_lines(text):
    """Its lines that are objects; programs say other things, too."""
    found = []
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
    return found


def pick(records, **match):
    """Those whose fields are these; None: the field is not there."""
    return [r for r in records
            if all(r.get(k) == v for k, v in match.items())]


def figure(records, field, scale=1.0, **match):
    """{rep: value}; where a repetition has several, their median."""
    values = {}
    for r in pick(records, **match):
        if isinstance(r.get(field), (int, float)):
            values.setdefault(r.get("rep", 0), []).append(r[field] * scale)
    return {rep: statistics.median(v) for rep, v in values.items()}


def worst(records, field, **match):
    """The most of it in any repetition."""
    values = [r[field] for r in pick(records, **match)
              if isinstance(r.get(field), (int, float))]
    return {0: max(values)} if values else {}


def median(fig):
    return statistics.median(fig.values()) if fig else None


def number(x):
    """Three figures that count."""
    if x == 0:
        return "0"
    digits = 0 if abs(x) >= 100 else 1 if abs(x) >= 10 else \
        2 if abs(x) >= 1 else 3
    return f"{x:.{digits}f}"


def span(fig, unit=""):
    """"1.20 (1.10-1.30) s"."""
    if not fig:
        return "-"
    text = number(median(fig))
    if len(fig) > 1:
        text += f" ({number(min(fig.values()))}-{number(max(fig.values()))})"
    return f"{text} {unit}".rstrip()


def ratios(ours, other):
    """Within each repetition; of the medians where none has both."""
    both = {rep: ours[rep] / other[rep] for rep in ours
            if rep in other and other[rep] > 0}
    if not both and ours and other and median(other) > 0:
        both = {0: median(ours) / median(other)}
    return both


def plus(*figures):
    """The sum, where all have the repetition."""
    reps = set.intersection(*(set(f) for f in figures)) if figures else set()
    return {rep: sum(f[rep] for f in figures) for rep in reps}


# ---- peers ------------------------------------------------------------------

def usable(r):
    """As the peers' harness counts: no failure, or one in a hundred."""
    return not r.get("rc") and (r.get("failed") or 0) <= 0.01 * r.get("n", 0)


def servers(records, field, **match):
    """{server: figure} of one row of the peers' harness."""
    rows = [r for r in pick(records, set="peers", **match) if usable(r)]
    return {name: figure(rows, field, server=name)
            for name in dict.fromkeys(r["server"] for r in rows)}


def absent_servers(absent, found, **row):
    """What is not here, as ratios to what is: {name: figure}."""
    base = found.get(absent.get("base"))
    made = {}
    for peer in absent.get("peers", []) if base else []:
        for r in peer["ratios"]:
            if {k: v for k, v in r.items() if k != "ratio"} == row:
                made[f"{peer['name']}*"] = {
                    rep: v * r["ratio"] for rep, v in base.items()}
    return made


def best(found, among=None):
    """(name, figure) of the least median but ours; ("", {}): nobody."""
    others = [(median(f), name) for name, f in found.items()
              if name != OURS and f and (among is None or name in among)]
    if not others:
        return "", {}
    name = min(others)[1]
    return name, found[name]
