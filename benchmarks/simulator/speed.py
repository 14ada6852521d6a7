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

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def yardstick() -> Callable[[], float]:
    """Million steps a second of the scalar loop, measured anew at each call."""
    program = Path(tempfile.mkdtemp()) / "yardstick"
    found = compiler.find_compiler()
    if found is None:
        raise SystemExit("the yardstick needs a C compiler")
    subprocess.run([found, "-O3", "-march=native", str(HERE / "yardstick.c"), "-o", str(program), "-lm"], check=True)

    def once() -> float:
        steps, took, _ = subprocess.run(
            [program, "512", "40"], capture_output=True, text=True, check=True
        ).stdout.split()
        return float(steps) / float(took) / 1e6

    return once


def report(text: str, ratios: list[float], goal: str) -> None:
    print(f"{text:<46} {median(ratios):8.3g}  {min(ratios):8.3g} to {max(ratios):<8.3g}  {goal}", flush=True)


def forward_rates(rounds: int, scalar: Callable[[], float]) -> None:
    for name, flags in FLAGS.items():
        runs = {"default": image_of(flags), "float64": image_of(flags + " --dtype float64")}
        ratios: dict[str, list[float]] = {kind: [] for kind in runs}
        for once in runs.values():
            once()
        for _ in range(rounds):
            for kind, once in runs.items():
                before = scalar()
                rate = STEPS[name] / seconds(once) / 1e6
                ratios[kind].append(2 * rate / (before + scalar()))
        for kind in runs:
            goal = {
                "default": "20 or more" if name == "W2" else "12 or more",
                "float64": "7 or more" if name == "W2" else "5 or more",
            }[kind]
            report(f"{name} forward, {kind}, times the scalar loop", ratios[kind], goal)


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


def processor_seconds(line: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(line, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
    """Uncompiled cost of a ray and of a step, and what compiling costs, all in the same seconds."""
    few, many = TIMED + "1 -mosaic 0.5", TIMED + "40 -mosaic 0.5"
    os.environ["GRADBRAGG_COMPILE"] = "0"
    costs = [(seconds(image_of(few)), seconds(image_of(many))) for _ in range(rounds)]
    del os.environ["GRADBRAGG_COMPILE"]
    step = median((b - a) / (39 * 256**2) for a, b in costs)
    ray = median(a / 256**2 for a, _ in costs) - step
    variant = compiler.Variant(single=True, table=False)
    folder = Path(tempfile.mkdtemp())
    found = compiler.find_compiler()
    build = median(
        seconds(lambda: compiler.compile_source(variant, found, folder / "product.so")) for _ in range(rounds)
    )
    text = (
        f"{step * 1e9:.0f} ns a step, {ray / step:.0f} steps a ray; compiling {build:.2f} s = {build / step:.2g} steps"
    )
    print(f"uncompiled: {text}")


TIMED = "-default_F 100 -cell 70 80 90 85 95 105 -N 10 -distance 150 -detpixels 256 -oversample 1 -mosaic_domains "


def costs(rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds against steps: a growing number of orientations, and a growing number of pixels."""
    series: dict[str, list[tuple[float, float]]] = {"forward": [], "forward + backward": [], "forward, float64": []}
    for edge, domains in ((128, 1), (128, 8), (256, 8), (256, 32), (512, 32), (512, 128), (1024, 100), (1024, 400)):
        flags = f"{TRICLINIC_STILL} -detpixels {edge} -mosaic_domains {domains}"
        runs = (image_of(flags), image_and_gradients_of(flags), image_of(flags + " --dtype float64"))
        for name, once in zip(series, runs, strict=True):
            once()
            series[name].append((edge**2 * domains, min(seconds(once) for _ in range(rounds))))
    return series


TRICLINIC_STILL = "-default_F 100 -cell 70 80 90 85 95 105 -N 10 -distance 150 -oversample 1 -mosaic 0.5"


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
        rates = [scalar() for _ in range(options.rounds)]
        print(
            f"scalar loop {median(rates):.1f} million steps a second ({min(rates):.1f} to {max(rates):.1f}); ", end=""
        )
        print(
            f"{torch.get_num_threads()} threads; load {os.getloadavg()[0]:.1f}; gradbragg at {Path(gb.__file__).parent}"
        )
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
