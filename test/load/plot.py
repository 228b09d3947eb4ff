#!/usr/bin/env python3
"""Draws the memory of a run of soak, and says whether it stayed flat.

    plot.py CSV SVG SECONDS "500 sessions x 4 channels"

A straight line is laid through the last two thirds of the SECONDS (what comes
behind them is the end of the run), over the means of blocks of 20 s: seconds
are no independent samples, sessions live longer than one. Flat: the line climbs
less than LIMIT, or no more than noise lets a flat one climb (two standard
errors). Exit status: 0 flat, 1 not.
"""
import csv
import math
import sys

LIMIT = 512                        # KiB a minute
BLOCK = 20                         # seconds
WIDTH, HEIGHT = 900, 480
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 50, 90
CURVES = (("rss_kib", "resident memory of the process, both sides", "#1f5fa8"),
          ("library_kib", "allocated by the library", "#c2571a"))


def read(path):
    with open(path, newline="", encoding="ascii") as file:
        return [{k: int(v) for k, v in row.items()}
                for row in csv.DictReader(file)]


def blocks(rows, name, seconds):
    """(minute, mean of KiB) of each whole block in the last two thirds."""
    found = {}
    for row in rows:
        if seconds / 3 < row["second"] <= seconds:
            found.setdefault(row["second"] // BLOCK, []).append(row)
    return [(sum(r["second"] for r in part) / len(part) / 60,
             sum(r[name] for r in part) / len(part))
            for part in found.values() if len(part) >= BLOCK // 2]


def fit(points):
    """Slope in KiB a minute, its standard error, and the mean point."""
    n = len(points)
    mx = sum(x for x, _ in points) / n
    my = sum(y for _, y in points) / n
    sxx = sum((x - mx) ** 2 for x, _ in points)
    slope = sum((x - mx) * (y - my) for x, y in points) / sxx
    rest = sum((y - my - slope * (x - mx)) ** 2 for x, y in points)
    return slope, math.sqrt(rest / (n - 2) / sxx), mx, my


def step_for(most, count):
    """A round distance of ticks: about `count` of them up to `most`."""
    base = 10 ** math.floor(math.log10(most / count))
    return next(base * m for m in (1, 2, 5, 10) if base * m * count >= most)


class Picture:
    def __init__(self, seconds, most):
        self.x_step = step_for(seconds / 60, 10)
        self.y_step = step_for(most, 6)
        self.x_most = seconds / 60
        self.y_most = self.y_step * math.ceil(most / self.y_step)
        self.lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} '
            f'{HEIGHT}" font-family="sans-serif" font-size="13">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']

    def x(self, minute):
        return LEFT + (WIDTH - LEFT - RIGHT) * minute / self.x_most

    def y(self, mib):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * mib / self.y_most

    def text(self, x, y, text, anchor="middle", more=""):
        self.lines.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor='
                          f'"{anchor}" fill="#222"{more}>{text}</text>')

    def line(self, points, color, width, more=""):
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self.lines.append(f'<polyline points="{path}" fill="none" stroke='
                          f'"{color}" stroke-width="{width}"{more}/>')

    def axes(self):
        for i in range(round(self.y_most / self.y_step) + 1):
            mib = i * self.y_step
            self.line([(0, mib), (self.x_most, mib)], "#ddd", 1)
            self.text(LEFT - 8, self.y(mib) + 4, f"{mib:g}", "end")
        for i in range(int(self.x_most / self.x_step + 1e-9) + 1):
            self.text(self.x(i * self.x_step), HEIGHT - BOTTOM + 20,
                      f"{i * self.x_step:g}")
        self.line([(0, self.y_most), (0, 0), (self.x_most, 0)], "#222", 1)
        self.text(self.x(self.x_most / 2), HEIGHT - BOTTOM + 40, "minutes")
        middle = self.y(self.y_most / 2)
        self.text(20, middle, "MiB", "middle",
                  f' transform="rotate(-90 20 {middle:.1f})"')

    def key(self, i, color, text):
        y = 20 + 18 * i
        self.lines.append(f'<rect x="{LEFT}" y="{y - 8}" width="22" height="4"'
                          f' fill="{color}"/>')
        self.text(LEFT + 30, y, text, "start")

    def save(self, path, caption):
        self.text(WIDTH / 2, HEIGHT - 16, caption)
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(self.lines + ["</svg>", ""]))


def main(path, out, seconds, what):
    rows = read(path)
    seconds = min(int(seconds), rows[-1]["second"])
    working = [r for r in rows if r["second"] <= seconds]
    most = max(r[name] for r in working for name, _, _ in CURVES) / 1024
    picture = Picture(seconds, most)
    picture.axes()
    flat = True
    for i, (name, title, color) in enumerate(CURVES):
        points = blocks(rows, name, seconds)
        if len(points) < 4:
            sys.exit("soak: too short to judge: two minutes at least")
        slope, error, mx, my = fit(points)
        ok = slope - 2 * error < LIMIT
        flat = flat and ok
        print(f"soak: {title}: {my / 1024:.1f} MiB, {slope:+.0f} KiB a minute "
              f"(standard error {error:.0f}, limit {LIMIT}): "
              f"{'flat' if ok else 'GROWS'}")
        picture.line([(r["second"] / 60, r[name] / 1024) for r in working],
                     color, 1.5)
        picture.line([(x, (my + slope * (x - mx)) / 1024)
                      for x in (seconds / 180, seconds / 60)], "#222", 1,
                     ' stroke-dasharray="6 4"')
        picture.key(i, color, f"{title} ({slope:+.0f} KiB a minute)")
    last = rows[-1]
    picture.save(out, f"{what}, {seconds} s: {last['sessions_ended']} sessions,"
                      f" {last['bytes'] / 2 ** 30:.1f} GiB echoed,"
                      f" {last['exchanges']} key exchanges beyond the first")
    return 0 if flat else 1


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
