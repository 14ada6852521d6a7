"""Draws mutants of a split, asks the tool about each, and writes one JSON line for each."""

# ruff: noqa: B023 - children run before the loop goes on

from __future__ import annotations

import argparse
import ast
import compileall
import contextlib
import importlib
import importlib.util
import json
import math
import os
import pickle
import random
import shutil
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import memo
import torch
from operators import FAMILIES, Mutant, Site, mutate
from truth import judge, observe

import gradtriage

HERE = Path(__file__).resolve().parent


def in_child(work, seconds=300.0):
    """The result of work done in a forked child; None where it ends otherwise."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        os.setpgid(0, 0)
        code = 1
        with contextlib.suppress(BaseException):
            data = pickle.dumps(work())
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(data)
            code = 0
        os._exit(code)
    os.close(writing)
    timer = threading.Timer(seconds, lambda: os.killpg(pid, 9))
    timer.start()
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    timer.cancel()
    os.waitpid(pid, 0)
    return pickle.loads(data) if data else None


def quiet(work):
    """Work in a child without output, with the copies of the packages to import from."""

    def run():
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        if not os.environ.get("SHOW_ERRORS"):
            os.dup2(null, 2)
        sys.dont_write_bytecode = True
        warnings.simplefilter("ignore")
        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float64)
        try:
            return work()
        except Exception:
            if os.environ.get("SHOW_ERRORS"):
                import traceback

                traceback.print_exc()
            raise

    return run


def sites_of(driver, folder):
    """Sites that the driver's run passes, in files of its package."""
    function, parameters, package = driver()
    prefix = str(Path(folder, package)) + os.sep
    parsed: dict[str, dict[int, tuple[ast.stmt, tuple[str, ...]]]] = {}
    found: dict[tuple[str, int], Site] = {}
    before: dict[int, tuple[int, tuple[str, ...]]] = {}

    def statements(file):
        if file not in parsed:
            parsed[file] = {
                n.lineno: (n, tuple(sorted({m.id for m in ast.walk(n.value) if isinstance(m, ast.Name)})))
                for n in ast.walk(ast.parse(Path(file).read_text()))
                if (isinstance(n, ast.Assign) and len(n.targets) == 1 and isinstance(n.targets[0], ast.Name))
                or (isinstance(n, ast.Return) and n.value is not None)
            }
        return parsed[file]

    def tracked(value):
        plain = type(value) is torch.Tensor and value.layout is torch.strided and not value.is_nested
        return plain and value.requires_grad and value.is_floating_point() and value.numel() > 0

    def note(frame, value):
        line, operands = before[id(frame)]
        entry = statements(frame.f_code.co_filename).get(line)
        if entry is None or not tracked(value) or (frame.f_code.co_filename, line) in found:
            return
        node = entry[0]
        target = node.targets[0].id if isinstance(node, ast.Assign) else ""
        data = value.detach()
        found[frame.f_code.co_filename, line] = Site(
            frame.f_code.co_filename,
            line,
            node.end_lineno,
            target,
            operands,
            data.numel(),
            float(data.min()),
            float(data.max()),
        )

    def trace(frame, event, arg):
        if not frame.f_code.co_filename.startswith(prefix):
            return None
        entry = None
        if event in ("line", "return") and id(frame) in before:
            previous = statements(frame.f_code.co_filename).get(before[id(frame)][0])
            if previous is not None:
                if isinstance(previous[0], ast.Assign):
                    note(frame, frame.f_locals.get(previous[0].targets[0].id))
                elif event == "return":
                    note(frame, arg)
        if event == "line":
            entry = statements(frame.f_code.co_filename).get(frame.f_lineno)
            inside = before.get(id(frame))
            if entry is not None:
                before[id(frame)] = frame.f_lineno, tuple(n for n in entry[1] if tracked(frame.f_locals.get(n)))
            elif inside is not None:
                around = statements(frame.f_code.co_filename).get(inside[0])
                if around is None or not around[0].lineno <= frame.f_lineno <= around[0].end_lineno:
                    before.pop(id(frame))
        elif event == "return":
            before.pop(id(frame), None)
        return trace

    leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    torch.manual_seed(0)
    sys.settrace(trace)
    try:
        function(**leaves)
    finally:
        sys.settrace(None)
    return list(found.values())


def explained(function, parameters):
    """What the tool says, and the seconds that it took."""
    torch.manual_seed(0)
    started = time.monotonic()
    leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}

    def seeded(**arguments):
        memo.VALUES.clear()
        torch.manual_seed(0)
        return function(**arguments)

    answer = gradtriage.explain(seeded, leaves)
    return answer.document, time.monotonic() - started


class Copies:
    """Copies of the packages: mutated, and restored."""

    def __init__(self, packages):
        self.folder = tempfile.mkdtemp(prefix="faults-")
        self.root = str(Path(self.folder, "pk"))
        shutil.copytree(packages, self.root, ignore=shutil.ignore_patterns("__pycache__"))
        with contextlib.redirect_stdout(None):
            compileall.compile_dir(self.root, quiet=2, workers=1)

    @contextlib.contextmanager
    def holding(self, mutant: Mutant):
        path = Path(mutant.file)
        text = path.read_text()
        cached = Path(importlib.util.cache_from_source(str(path)))
        binary = cached.read_bytes() if cached.exists() else None
        status = path.stat()
        cached.unlink(missing_ok=True)
        path.write_text(mutant.text)
        try:
            yield
        finally:
            path.write_text(text)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            if binary is not None:
                cached.write_bytes(binary)


def draw(sites, random_, wanted, seen):
    """A mutant of a family that is short of mutants; None after too many failures."""
    for _ in range(200):
        family = random_.choice(wanted)
        operator = random_.choice(FAMILIES[family])
        driver = random_.choice(list(sites))
        if not sites[driver]:
            continue
        site = random_.choice(sites[driver])
        text = Path(site.file).read_text()
        mutant = mutate(text, site, family, operator, random_)
        if mutant is None or (driver, mutant.text) in seen:
            continue
        try:
            compile(mutant.text, mutant.file, "exec")
        except SyntaxError:
            continue
        seen.add((driver, mutant.text))
        return driver, mutant
    return None


def sound(mutant, original, driver):
    """Whether the planted function does no harm with a right formula.

    Where it changes a value on which another custom function's own formula relies there are two faults, not one.
    """
    Path(mutant.file).write_text(mutant.control)
    truth = in_child(quiet(lambda: observe(*driver()[:2])))
    Path(mutant.file).write_text(mutant.text)
    return truth is not None and judge(original, truth) in ("right", "same")


def verdict_of(mutant, original, truth, answer):
    """One line of the result file."""
    document, seconds = answer
    causes = document["causes"]
    named = [
        (os.path.realpath(c["file"]) == os.path.realpath(mutant.file), mutant.first <= c["line"] <= mutant.last)
        for c in causes
    ]
    origin = causes[0]["evidence"].get("origin", {}) if causes else {}
    at_origin = (
        os.path.realpath(origin.get("file", "")) == os.path.realpath(mutant.file)
        and mutant.first <= origin.get("line", 0) <= mutant.last
    )
    nonfinite = not all(p["finite"] for p in truth["parameters"].values()) or not math.isfinite(truth["loss"])
    return {
        "truth": judge(original, truth), "nonfinite": nonfinite, "origin_hit": at_origin,
        "verdict": document["verdict"], "reason": document["reason"],
        "hit": bool(named) and named[0] == (True, True), "hit_any": (True, True) in named,
        "proven_wrong": any(c["proof"] == "proven" and n != (True, True) for c, n in zip(causes, named, strict=True)),
        "causes": [{k: c[k] for k in ("kind", "file", "line", "source", "op", "proof")} for c in causes],
        "evaluations": document["evaluations"], "seconds": round(seconds, 3), "seconds_of": document["seconds"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", required=True)
    parser.add_argument(
        "--split",
        choices=["development", "test", "fresh", "unseen", "further", "blind", "sealed"],
        default="development",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100, help="faults a family")
    parser.add_argument("--families", nargs="*", default=list(FAMILIES))
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--only-clean", action="store_true")
    parser.add_argument("--skip-clean", action="store_true", help="do not explain the clean drivers")
    parser.add_argument("--part", default="1/1", help="1/2: every second driver from the first on")
    parser.add_argument("--keep", help="folder that the mutated files are kept in")
    given = parser.parse_args()
    copies = Copies(given.packages)
    sys.path.insert(0, copies.root)
    part, parts = map(int, given.part.split("/"))
    every = importlib.import_module(f"drivers_{given.split}").DRIVERS
    drivers = dict(list(every.items())[part - 1 :: parts])
    deadline = time.monotonic() + 60 * given.minutes
    out = Path(given.out).open("a")  # noqa: SIM115
    originals, sites = {}, {}
    for name, driver in drivers.items():
        truth = in_child(quiet(lambda: observe(*driver()[:2])))
        answer = ({"verdict": "-"}, 0.0) if given.skip_clean else in_child(quiet(lambda: explained(*driver()[:2])))
        if truth is None or answer is None:
            print("driver fails:", name)
            continue
        originals[name] = truth
        sites[name] = in_child(quiet(lambda: sites_of(driver, copies.root))) or []
        document, seconds = answer
        print(f"{name}: {document['verdict']}, {len(sites[name])} sites, {seconds:.1f} s", flush=True)
        if not given.skip_clean:
            line = {"clean": name, "seconds": seconds, "truth": judge(truth, truth)}
            line |= {key: document[key] for key in ("verdict", "reason", "causes")} | {
                "seconds_of": document["seconds"]
            }
            out.write(json.dumps(line) + "\n")
            out.flush()
    if given.only_clean:
        return
    random_ = random.Random(given.seed)
    faults = dict.fromkeys(given.families, 0)
    seen: set = set()
    while time.monotonic() < deadline:
        wanted = [family for family, count in faults.items() if count < given.count]
        drawn = draw(sites, random_, wanted, seen) if wanted else None
        if drawn is None:
            break
        name, mutant = drawn
        with copies.holding(mutant):
            truth = in_child(quiet(lambda: observe(*drivers[name]()[:2])))
            if truth is None or judge(originals[name], truth) == "same":
                continue
            if mutant.control is not None and not sound(mutant, originals[name], drivers[name]):
                continue
            answer = in_child(quiet(lambda: explained(*drivers[name]()[:2])))
            text = Path(mutant.file).read_text().splitlines()[mutant.first - 1]
        line = {
            "driver": name,
            "operator": mutant.operator,
            "family": mutant.family,
            "file": mutant.file,
            "first": mutant.first,
            "last": mutant.last,
            "text": text.strip(),
        }
        line |= (
            verdict_of(mutant, originals[name], truth, answer)
            if answer
            else {
                "truth": judge(originals[name], truth),
                "verdict": "crash",
                "hit": False,
                "hit_any": False,
                "proven_wrong": False,
                "causes": [],
                "seconds": 300.0,
            }
        )
        if line["truth"] == "fault":
            faults[mutant.family] += 1
            if given.keep and not line["hit"]:
                Path(given.keep).mkdir(exist_ok=True, parents=True)
                Path(given.keep, f"{sum(faults.values())}.py").write_text(mutant.text)
        out.write(json.dumps(line) + "\n")
        out.flush()
    print("faults:", faults)
    shutil.rmtree(copies.folder)


if __name__ == "__main__":
    main()
