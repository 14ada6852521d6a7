"""What the capture costs: pytest with and without it, alternating, on real suites and on the worst case.

    python benchmarks/capture_overhead.py [--pairs 7] [--suite NAME=PATH ...]

Each pair runs the same suite once plainly and once with the capture, in turns of who goes first; a ratio is that of
one pair, and the median over the pairs is what counts. A suite is a folder or file of tests that the running Python
can run. The synthetic worst case makes 2,000 backward calls of a few operations and nothing else.

Three figures a suite: `session`, the whole process as a user waits for it, `cpu`, the processor time of that process
(the one to trust on a busy machine), and `calls`, the time that pytest itself reports for the tests' call phases,
without start, import and collection.
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


def run(path: Path, folder: Path | None) -> tuple[float, float, float, str]:
    """Seconds of the process, its processor time, seconds of the tests' calls, pytest's last line."""
    report = Path(tempfile.mkstemp(suffix=".xml")[1])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", str(path)]
    command += [f"--junitxml={report}", "-o", "junit_duration_report=call", "-W", "ignore"]
    if folder is not None:
        command.append(f"--gradtriage-dir={folder}")
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    start, used = time.perf_counter(), processor_seconds()
    result = subprocess.run(
        command, capture_output=True, text=True, env=env, cwd=path if path.is_dir() else path.parent
    )
    seconds, used = time.perf_counter() - start, processor_seconds() - used
    calls = sum(float(t) for t in re.findall(r'<testcase [^>]*time="([\d.]+)"', report.read_text()))
    report.unlink()
    lines = [line for line in result.stdout.splitlines() if " in " in line]
    return seconds, used, calls, lines[-1].rpartition(" in ")[0] if lines else f"exit {result.returncode}"


def measure(name: str, path: Path, pairs: int) -> None:
    run(path, None)  # warms the file cache
    ratios: dict[str, list[float]] = {"session": [], "cpu": [], "calls": []}
    plain_seconds: list[float] = []
    added: list[float] = []
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
        added.append(captured[1] - plain[1])
    figures = "  ".join(
        f"{kind} {statistics.median(found):.3f} ({min(found):.3f} to {max(found):.3f})"
        for kind, found in ratios.items()
    )
    each = f"  {statistics.median(added) / records * 1e6:.0f} us of processor time a call" if records else ""
    print(
        f"{name:16} {figures}  plain {statistics.median(plain_seconds):.1f} s  {records} gradient calls{each}  {outcome}"
    )


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
