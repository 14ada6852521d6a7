"""Figures from result files of `run.py`, with Wilson's intervals."""

from __future__ import annotations

import json
import math
import statistics
import sys
from pathlib import Path


def wilson(hits: int, count: int, z: float = 1.96) -> str:
    """`hits/count = p (low to high)`, 95 %."""
    if not count:
        return "0/0"
    p = hits / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    return f"{hits}/{count} = {100 * p:.1f} % ({100 * max(0.0, middle - half):.1f} to {100 * (middle + half):.1f})"


def main() -> None:
    lines = [json.loads(line) for name in sys.argv[1:] for line in Path(name).read_text().splitlines()]
    clean = [line for line in lines if "clean" in line]
    mutants = [line for line in lines if "clean" not in line]
    faults = [line for line in mutants if line["truth"] == "fault"]
    for line in faults:
        if line["family"] == "flat" and line.get("nonfinite"):
            # the operation that makes NaN is far from the one that was changed: its verdict, and the origin, count
            line["family"], line["proven_wrong"] = "flat-nan", False
            line["hit"] = line["hit"] or line.get("origin_hit", False)
    for family in sorted({line["family"] for line in faults}):
        mine = [line for line in faults if line["family"] == family]
        seen = sum(line["verdict"] not in ("healthy", "unknown", "crash") for line in mine)
        print(
            f"{family:9} detected {wilson(seen, len(mine))}; "
            f"line named first {wilson(sum(m['hit'] for m in mine), len(mine))}"
        )
        for operator in sorted({line["operator"] for line in mine}):
            of = [line for line in mine if line["operator"] == operator]
            print(f"    {operator:16} {sum(m['hit'] for m in of)}/{len(of)}")
    proven = [line for line in faults if line["causes"] and line["causes"][0]["proof"] == "proven"]
    print("first cause proven:", wilson(len(proven), len(faults)))
    print("proven and not the changed line:", wilson(sum(m["proven_wrong"] for m in faults), len(faults)))
    right = [line for line in mutants if line["truth"] in ("right", "same")]
    accused = [line for line in right if line["verdict"] not in ("healthy", "unknown", "insensitive")]
    print("right gradient of a changed function:", len(right), "of which accused:", wilson(len(accused), len(right)))
    print("undecided:", sum(line["truth"] == "undecided" for line in mutants))
    false = [line for line in clean if line["verdict"] not in ("healthy", "unknown")]
    print(
        "clean drivers:",
        len(clean),
        "false alarms:",
        wilson(len(false), len(clean)),
        "unknown:",
        sum(line["verdict"] == "unknown" for line in clean),
    )
    seconds = sorted(line["seconds"] for line in mutants)
    if seconds:
        print(
            f"seconds: median {statistics.median(seconds):.2f}, "
            f"90 % {seconds[int(0.9 * len(seconds))]:.2f}, longest {seconds[-1]:.1f}"
        )


if __name__ == "__main__":
    main()
