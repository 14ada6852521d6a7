"""Speed of gradbragg as ratios to a scalar C loop, measured in turns in one run.

``python -m benchmarks.simulator.speed [--rounds 5] [--plot cost.png]`` prints the table of docs/performance.md.
A ratio is formed in each round from neighbouring timings; the table shows the median and the range of the rounds.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

import gradbragg as gb
from benchmarks.simulator.plot import draw
from benchmarks.simulator.workloads import (
    FLAGS,
    STEPS,
    STILL,
    image_and_gradients_of,
    image_of,
    seconds,
    stills,
    write_reflections,
)
from gradbragg.compiled import compiler

SHORT = 20_000_000
"""Steps below which an image is repeated, to be longer than a time slice."""

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def yardstick() -> Callable[[], tuple[float, float]]:
    """Million steps of the scalar loop a second and a processor second, measured anew at each call."""
    program = Path(tempfile.mkdtemp()) / "yardstick"
    found = compiler.find_compiler()
    if found is None:
        raise SystemExit("the yardstick needs a C compiler")
    subprocess.run([found, "-O3", "-march=native", str(HERE / "yardstick.c"), "-o", str(program), "-lm"], check=True)

    def once() -> tuple[float, float]:
        said: list[str] = []
        line = [program, "512", "40"]
        used = used_by_children(
            lambda: said.append(subprocess.run(line, capture_output=True, text=True, check=True).stdout)
        )
        steps, took, _ = said[0].split()
        return float(steps) / float(took) / 1e6, float(steps) / used / 1e6

    return once


def report(text: str, ratios: list[float], goal: str) -> None:
    print(f"{text:<46} {median(ratios):8.3g}  {min(ratios):8.3g} to {max(ratios):<8.3g}  {goal}", flush=True)


def rates(once: Callable[[], object], steps: int) -> tuple[float, float]:
    """Million steps a second, and a processor second times the threads: as if no other program ran."""
    repeats = max(1, SHORT // steps)
    used, start = time.process_time(), time.perf_counter()
    for _ in range(repeats):
        once()
    took, used = time.perf_counter() - start, time.process_time() - used
    return repeats * steps / took / 1e6, repeats * steps / used / 1e6 * torch.get_num_threads()


def forward_rates(rounds: int, scalar: Callable[[], tuple[float, float]]) -> None:
    for name, flags in FLAGS.items():
        for kind, most, least in (("default", 20, 12), ("float64", 7, 5)):
            once = image_of(flags + (" --dtype float64" if kind == "float64" else ""))
            once()
            by_clock, by_processor = [], []
            before = scalar()
            for _ in range(rounds):
                measured, after = rates(once, STEPS[name]), scalar()
                by_clock.append(2 * measured[0] / (before[0] + after[0]))
                by_processor.append(2 * measured[1] / (before[1] + after[1]))
                before = after
            goal = f"{most if name == 'W2' else least} or more"
            report(f"{name} forward, {kind}, times the scalar loop", by_clock, goal)
            report("    by processor time, threads undisturbed", by_processor, "")


def backward_costs(rounds: int) -> None:
    for kind in ("", " --dtype float64"):
        plain, both = image_of(FLAGS["W2"] + kind), image_and_gradients_of(FLAGS["W2"] + kind)
        plain(), both()
        ratios = []
        for _ in range(rounds):
            first = seconds(plain)
            ratios.append(2 * seconds(both) / (first + seconds(plain)))
        report(f"W2 forward + backward{kind}, in forwards", ratios, "4 or less" if not kind else "")


def batch_rates(rounds: int) -> None:
    one, many = image_of(STILL), stills(100)
    one(), many()
    ratios = []
    for _ in range(rounds):
        single = sum(seconds(one) for _ in range(10)) / 10
        ratios.append(100 * single / seconds(many))
    report("100 stills in a batch, rate over one still's", ratios, "0.9 or more")


def accuracy() -> None:
    default, exact = image_of(FLAGS["W2"])().double(), image_of(FLAGS["W2"] + " --dtype float64")()
    bright = exact > 1e-3 * exact.max()
    report(
        "W2 default against float64, of the maximum",
        [((default - exact).abs().max() / exact.max()).item()],
        "1e-5 or less",
    )
    report(
        "the same, relative in bright pixels", [((default - exact).abs() / exact)[bright].max().item()], "1e-3 or less"
    )


def memory() -> None:
    code = "from benchmarks.simulator import workloads as w; w.image_and_gradients_of(w.FLAGS['W3'])()"
    code += "; import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "simulator")])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    report("W3 with backward, peak memory in GB", [int(done.stdout) / 1e6], "1.5 or less")


def used_by_children(run: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def processor_seconds(line: list[str]) -> float:
    return used_by_children(lambda: subprocess.run(line, check=True, capture_output=True))


def whole_command(rounds: int) -> None:
    command, imports = [sys.executable, "-m", "gradbragg", *FLAGS["W1"].split()], [sys.executable, "-c", "import torch"]
    processor_seconds(command)
    ratios = [processor_seconds(command) / processor_seconds(imports) for _ in range(rounds)]
    report("whole command W1, over importing torch (CPU s)", ratios, "1.5 or less")
    folder = tempfile.mkdtemp()
    os.environ["GRADBRAGG_CACHE"] = folder
    cold = processor_seconds(command) / processor_seconds(imports)
    del os.environ["GRADBRAGG_CACHE"]
    shutil.rmtree(folder)
    report("the same with an empty cache (it compiles)", [cold], "")


def break_even(rounds: int) -> None:
    """Uncompiled cost of a ray and of a step, and what compiling costs, all in processor seconds of one thread."""
    threads, folder = torch.get_num_threads(), Path(tempfile.mkdtemp())
    os.environ["GRADBRAGG_COMPILE"] = "0"
    torch.set_num_threads(1)
    few, many = (min(used(image_of(f"{TIMED} {domains}")) for _ in range(rounds)) for domains in (1, 21))
    del os.environ["GRADBRAGG_COMPILE"]
    torch.set_num_threads(threads)
    step = (many - few) / (20 * 256**2)
    ray = few / 256**2 - step
    variant, found = compiler.Variant(single=True, table=False), compiler.find_compiler()
    build = min(
        used_by_children(lambda: compiler.compile_source(variant, found, folder / "a.so")) for _ in range(rounds)
    )
    text = (
        f"{step * 1e9:.0f} ns a step, {ray / step:.1f} steps a ray; compiling {build:.2f} s = {build / step:.2g} steps"
    )
    print(f"uncompiled, one thread: {text}")


def used(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


TIMED = "-default_F 100 -cell 70 80 90 85 95 105 -N 10 -detpixels 256 -oversample 1 -mosaic 0.5 -mosaic_domains"


def costs(rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Processor seconds against steps, which grow by pixels and by orientations."""
    series: dict[str, list[tuple[float, float]]] = {"forward": [], "forward + backward": [], "forward, float64": []}
    for edge, domains in ((128, 1), (128, 8), (256, 8), (256, 32), (512, 32), (512, 128), (1024, 100), (1024, 400)):
        flags = f"{STILLS} -detpixels {edge} -mosaic_domains {domains}"
        runs = (image_of(flags), image_and_gradients_of(flags), image_of(flags + " --dtype float64"))
        for name, once in zip(series, runs, strict=True):
            once()
            series[name].append((edge**2 * domains, min(used(once) for _ in range(rounds))))
    return series


STILLS = "-default_F 100 -cell 70 80 90 85 95 105 -N 10 -distance 150 -oversample 1 -mosaic 0.5"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    plot = options.plot.resolve() if options.plot else None
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "simulator"), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_reflections(Path("full.hkl"))
        scalar = yardstick()
        clock, processor = zip(*(scalar() for _ in range(options.rounds)), strict=True)
        print(
            f"scalar loop {median(clock):.1f} million steps a second ({min(clock):.1f} to {max(clock):.1f}), ", end=""
        )
        print(f"{median(processor):.1f} a processor second; {torch.get_num_threads()} threads; ", end="")
        print(f"load {os.getloadavg()[0]:.1f}; gradbragg at {Path(gb.__file__).parent}")
        print(f"{'':<46} {'median':>8}  {'range':<20}  goal")
        forward_rates(options.rounds, scalar)
        backward_costs(options.rounds)
        batch_rates(options.rounds)
        accuracy()
        memory()
        whole_command(options.rounds)
        break_even(options.rounds)
        if plot is not None:
            draw(costs(options.rounds), plot)
            print(f"wrote {plot}")
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
