"""What the capture costs: pytest with and without it, alternating, on real suites and on the worst case.

    python benchmarks/capture_overhead.py [--pairs 7] [--suite NAME=PATH ...]

Each pair runs the same suite once plainly and once with the capture, in turns of who goes first; a ratio is that of
one pair, and the median over the pairs is what counts. A suite is a folder or file of tests that the running Python
can run. The synthetic worst case makes 2,000 backward calls of a few operations and nothing else.

Four figures a suite: `inside`, the processor time spent in the capture during one captured run divided by that of the
rest of the run (both by one clock in one process, so it holds on a busy machine; it does not see what the capture costs
elsewhere, in caches and garbage collection); `session`, the whole process as a user waits for it; `cpu`, the processor
time of that process; `calls`, the time that pytest itself reports for the tests' call phases, without start, import
and collection.
"""

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLOCK = """
import atexit, functools, os, threading, time

spent = 0.0
depth = threading.local()


def clocked(function):
    @functools.wraps(function)
    def timed(*args, **kwargs):
        global spent
        if getattr(depth, "inside", False):
            return function(*args, **kwargs)
        depth.inside = True
        start = time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent += time.thread_time() - start
            depth.inside = False
    return timed


def pytest_configure(config):
    from gradtriage.plugin.session import CaptureSession
    CaptureSession._write = clocked(CaptureSession._write)
    for name in ("pytest_sessionstart", "pytest_sessionfinish", "pytest_runtest_logreport"):
        hook = getattr(CaptureSession, name)
        setattr(CaptureSession, name, clocked(hook))


def pytest_collection_finish(session):
    import sys
    if "gradtriage.probe.interception" in sys.modules:
        from gradtriage.probe import interception
        interception._Watch.open = clocked(interception._Watch.open)
        interception._Watch.close = clocked(interception._Watch.close)
        from gradtriage.probe import gradcheck
        gradcheck.Overheard.hear = clocked(gradcheck.Overheard.hear)


@atexit.register
def report():
    with open(os.environ["CAPTURE_CLOCK"], "w") as stream:
        stream.write(f"{spent} {time.process_time()}")
"""

WORST = """
import torch

def test_two_thousand_tiny_backward_calls():
    cell_a = torch.tensor(1.5, requires_grad=True)
    for _ in range(2000):
        cell_a.grad = None
        (cell_a * cell_a + 1).backward()
"""

TYPICAL = """
import pytest, torch
from torch.autograd import gradcheck

@pytest.mark.parametrize("seed", range(20))
def test_fit(seed):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.Tanh(), torch.nn.Linear(64, 1))
    opt = torch.optim.Adam(model.parameters(), lr=1e-2)
    x = torch.randn(256, 16); y = x.sum(1, keepdim=True)
    for _ in range(30):
        opt.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        opt.step()

@pytest.mark.parametrize("seed", range(20))
def test_check(seed):
    x = torch.rand(4, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda a: torch.linalg.inv(a + 4 * torch.eye(4, dtype=a.dtype)), (x,))
"""


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(path: Path, folder: Path | None, *args: str, **more: str) -> tuple[float, float, float, str]:
    """Seconds of the process, its processor time, seconds of the tests' calls, pytest's last line."""
    report = Path(tempfile.mkstemp(suffix=".xml")[1])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", str(path)]
    command += [f"--junitxml={report}", "-o", "junit_duration_report=call", "-W", "ignore"]
    if folder is not None:
        command.append(f"--gradtriage-dir={folder}")
    env = {**os.environ, "OMP_NUM_THREADS": "1", **more}
    command += args
    start, used = time.perf_counter(), processor_seconds()
    result = subprocess.run(
        command, capture_output=True, text=True, env=env, cwd=path if path.is_dir() else path.parent
    )
    seconds, used = time.perf_counter() - start, processor_seconds() - used
    calls = sum(float(t) for t in re.findall(r'<testcase [^>]*time="([\d.]+)"', report.read_text()))
    report.unlink()
    lines = [line for line in result.stdout.splitlines() if " in " in line]
    return seconds, used, calls, lines[-1].rpartition(" in ")[0] if lines else f"exit {result.returncode}"


def inside(path: Path) -> tuple[float, float]:
    """Processor seconds of the capture and of the whole process in one captured run."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "capture_clock.py").write_text(CLOCK)
        out = Path(folder) / "out"
        out.mkdir()
        python_path = os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])])
        clock = Path(folder) / "clock"
        run(path, out, "-p", "capture_clock", PYTHONPATH=python_path, CAPTURE_CLOCK=str(clock))
        spent, total = map(float, clock.read_text().split())
        return spent, total


def measure(name: str, path: Path, pairs: int) -> None:
    clocked = [inside(path) for _ in range(3)]
    ratios: dict[str, list[float]] = {"session": [], "cpu": [], "calls": []}
    plain_seconds: list[float] = []
    outcome = ""
    records = 0
    for pair in range(pairs):
        with tempfile.TemporaryDirectory() as folder:
            order = (None, Path(folder)) if pair % 2 == 0 else (Path(folder), None)
            timed = {capture is not None: run(path, capture) for capture in order}
            text = "".join(file.read_text() for file in Path(folder).glob("events*.jsonl"))
        records = sum(json.loads(line)["event"] == "gradient" for line in text.splitlines())
        plain, captured = timed[False], timed[True]
        if plain[3] != captured[3]:
            print(f"{name}: outcomes differ: {plain[3]!r} without, {captured[3]!r} with")
        outcome = captured[3]
        for figure, with_it, without in zip(ratios, captured[:3], plain[:3], strict=True):
            ratios[figure].append(with_it / without if without else float("nan"))
        plain_seconds.append(plain[0])
    shares = [1 + spent / (total - spent) for spent, total in clocked]
    each = statistics.median(spent for spent, _ in clocked) / records * 1e6 if records else 0.0
    seconds = statistics.median(plain_seconds)
    print(f"{name}: {outcome}; {records} gradient calls, {each:.0f} us each; plain {seconds:.1f} s")
    ratios = {"inside": shares, **ratios}
    for kind, found in ratios.items():
        print(f"  {kind:8} {statistics.median(found):.3f} ({min(found):.3f} to {max(found):.3f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--suite", action="append", default=[], metavar="NAME=PATH")
    chosen = parser.parse_args()
    print("ratio with / without capture: median (lowest to highest) over", chosen.pairs, "pairs")
    with tempfile.TemporaryDirectory() as folder:
        for name, source in (("worst case", WORST), ("typical", TYPICAL)):
            path = Path(folder) / f"test_{name.replace(' ', '_')}.py"
            path.write_text(source)
            measure(name, path, chosen.pairs)
    for suite in chosen.suite:
        name, _, path = suite.partition("=")
        measure(name, Path(path).resolve(), chosen.pairs)


if __name__ == "__main__":
    main()
