#!/usr/bin/env python3
"""Code in documents is that of the samples; links and pictures exist."""
import os
import re

import report


def code_is_that_of_the_samples():
    report.command(os.path.join(report.ROOT, "scripts/docs"), "--check")


def links_lead_somewhere():
    broken = []
    for path in report.files(".", ends=(".md",)):
        text = re.sub(r"^```.*?^```", "", report.read(path), flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if "://" in target or target.startswith("mailto:"):
                continue
            there = os.path.join(report.ROOT, os.path.dirname(path), target)
            if not os.path.exists(there):
                broken.append(f"{path}: {target} is not there")
    if broken:
        report.failed("\n".join(broken))


for rule in (code_is_that_of_the_samples, links_lead_somewhere):
    report.run(rule.__name__, rule)
report.end()
