"""Runs `gradtriage explain` on each case of the taxonomy, as a user would, and prints what came out."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cases import Case, read

_SHOWN = ("kind", "file", "line", "source", "op", "proof")
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "faults"))

from score import wilson  # noqa: E402


def explained(case: Case, keep: str | None, timeout: float) -> tuple[dict, float]:
    """The diagnosis, and the seconds that the command took."""
    with tempfile.TemporaryDirectory(prefix="taxonomy-") as made:
        folder = Path(keep, case.row, case.name).resolve() if keep else Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in case.files.items():
            (folder / name).write_text(text)
        answer = folder / "answer.json"
        answer.unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "gradtriage",
            "explain",
            case.test,
            "--json",
            "answer.json",
            "--timeout",
            str(timeout),
        ]
        started = time.monotonic()
        with (folder / "printed.txt").open("w") as printed:
            code = subprocess.run(
                command,
                cwd=folder,
                stdout=printed,
                stderr=subprocess.STDOUT,
                check=False,
                env=os.environ | {"NO_COLOR": "1"},
            ).returncode
        seconds = time.monotonic() - started
        if answer.exists():
            return json.loads(answer.read_text()), seconds
        tail = (folder / "printed.txt").read_text()[-400:]
        return {"verdict": "none", "causes": [], "reason": f"exit {code}: {tail}"}, seconds


def judged(case: Case, document: dict, seconds: float) -> dict:
    """One line of the result file."""
    places = [(cause["file"], cause["line"]) for cause in document["causes"]]
    accepted = case.causes | case.also
    first = document["causes"][0] if places else None
    line = bool(places) and places[0] in case.causes
    verdict = document["verdict"] in case.verdicts or (
        "any" in case.verdicts and document["verdict"] not in ("healthy", "unknown", "none")
    )
    kind = first is not None and first["kind"] in case.kinds
    elsewhere = [
        place
        for place, cause in zip(places, document["causes"], strict=True)
        if cause["proof"] == "proven" and place not in accepted
    ]
    return {
        "row": case.row, "name": case.name, "decoy": case.decoy, "test": case.test,
        "expected": {"verdicts": case.verdicts, "kinds": case.kinds, "places": sorted(case.causes)},
        "verdict": document["verdict"], "reason": document.get("reason", ""),
        "verdict_right": verdict, "kind_right": kind, "line_right": line, "proven_elsewhere": elsewhere,
        "right": (verdict and not places) if case.decoy else (verdict and kind and line and not elsewhere),
        "causes": [{key: cause[key] for key in _SHOWN} for cause in document["causes"]],
        "seconds": round(seconds, 2),
    }  # fmt: skip


def row_of(result: dict) -> str:
    """A line of the table."""
    causes = "; ".join(f"{c['kind']} {c['file']}:{c['line']} ({c['proof']})" for c in result["causes"][:2]) or "-"
    state = "ok" if result["right"] else "??" if result["verdict"] == "unknown" else "NO"
    wrong = [part for part in ("verdict", "kind", "line") if not result[f"{part}_right"] and not result["decoy"]]
    note = " proven elsewhere" if result["proven_elsewhere"] else ""
    return (
        f"{state} {result['row']:11} {result['name']:32} {result['seconds']:6.1f} s  {result['verdict']:14} {causes}"
        + ("" if result["right"] else f"   <- {', '.join(wrong)}{note}; {result['reason'][:100]!r}")
    )


def summary(results: list[dict]) -> None:
    """Figures with Wilson's intervals."""
    bugs, decoys = ([r for r in results if r["decoy"] is decoy] for decoy in (False, True))
    if bugs:
        for title, key in (("verdict", "verdict_right"), ("kind", "kind_right"), ("line named first", "line_right")):
            print(f"bugs, {title}:", wilson(sum(r[key] for r in bugs), len(bugs)))
        print("bugs, all of it:", wilson(sum(r["right"] for r in bugs), len(bugs)))
        print("bugs, proven elsewhere:", wilson(sum(bool(r["proven_elsewhere"]) for r in bugs), len(bugs)))
        print("bugs called healthy:", wilson(sum(r["verdict"] == "healthy" for r in bugs), len(bugs)))
    if decoys:
        accused = [r for r in decoys if not r["right"] and r["verdict"] != "unknown"]
        print("decoys, false alarms:", wilson(len(accused), len(decoys)))
        print("decoys, unknown:", wilson(sum(r["verdict"] == "unknown" for r in decoys), len(decoys)))
    seconds = sorted(r["seconds"] for r in results)
    print(f"seconds: median {statistics.median(seconds):.1f}, longest {seconds[-1]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="rows or cases; all without")
    parser.add_argument("--only", choices=["bugs", "decoys"])
    parser.add_argument("--out", help="file for one JSON line a case")
    parser.add_argument("--keep", help="folder in which the projects and what was printed stay")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=300)
    given = parser.parse_args()
    cases = [case for folder in ("bugs", "decoys") if given.only in (None, folder) for case in read(HERE / folder)]
    if given.names:
        cases = [case for case in cases if {case.row, case.name} & set(given.names)]
    if not cases:
        parser.error(f"no case is called {' or '.join(given.names)}")
    results = []
    with ThreadPoolExecutor(given.jobs) as pool:
        for result in pool.map(lambda case: judged(case, *explained(case, given.keep, given.timeout)), cases):
            results.append(result)
            print(row_of(result), flush=True)
            if given.out:
                with Path(given.out).open("a") as out:
                    out.write(json.dumps(result) + "\n")
    summary(results)


if __name__ == "__main__":
    main()
