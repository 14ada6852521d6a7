"""What the tape of `gradtriage.explain` costs over a plain forward and backward pass, side by side."""

from __future__ import annotations

import statistics
import time

import torch

from gradtriage import explain
from gradtriage.probe.explain.leaves.watch import LeafWatch
from gradtriage.probe.explain.program import GradientCall
from gradtriage.probe.explain.replay.replay import Conditions, conditions_hold
from gradtriage.probe.explain.tape.trace import TapeRecorder

ROUNDS = 25


def chain(a: torch.Tensor, operations: int) -> torch.Tensor:
    x = a
    for index in range(operations // 4):
        x = torch.sin(x) * 1.01 + a / (2.0 + index)
    return x.square().sum()


def seconds_of(a: torch.Tensor, operations: int, *, recorded: bool) -> float:
    conditions = Conditions(LeafWatch({id(a): a}))
    if recorded:
        conditions.recorder = TapeRecorder(lambda leaf: int(leaf is a))
    started = time.perf_counter()
    if recorded:
        with conditions_hold(conditions):
            loss = chain(a, operations)
            GradientCall(1, "backward", {}, [loss], [None], [a], ["a"]).gradients()
    else:
        torch.autograd.grad(chain(a, operations), a)
    return time.perf_counter() - started


def main() -> None:
    torch.set_num_threads(1)
    for size, operations in ((256, 200), (8, 200), (8, 10_000)):
        a = torch.rand(size, size, dtype=torch.float64, requires_grad=True)
        rounds = ROUNDS if operations < 1000 else 3
        seconds_of(a, operations, recorded=True)  # the allocator and the weights of the digests
        pairs = [
            (seconds_of(a, operations, recorded=False), seconds_of(a, operations, recorded=True)) for _ in range(rounds)
        ]
        ratios = [traced / plain for plain, traced in pairs]
        ratio = statistics.median(ratios)
        plain = statistics.median(plain for plain, _ in pairs)
        print(f"{operations} operations at {size}x{size}: plain {plain:.3f} s, tape {ratio:.2f} times")
    torch.manual_seed(0)
    layers = [layer for _ in range(50) for layer in (torch.nn.Linear(16, 16), torch.nn.Tanh())]
    net, x = torch.nn.Sequential(*layers).double(), torch.randn(8, 16, dtype=torch.float64)
    found = explain(lambda: net(x).square().mean(), net)
    print(f"100 parameters: {found.verdict}, {found.document['evaluations']} evaluations, {found.document['seconds']}")


if __name__ == "__main__":
    main()
