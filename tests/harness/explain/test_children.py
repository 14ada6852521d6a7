"""Forked children, in which the body's threads must be as safe as in the parent."""

import threading

import torch

from gradtriage.probe.explain.replay.children import run_children


def test_threads_of_a_child_may_save_their_first_tensor_at_the_same_moment():
    """After a fork torch makes its autograd engine anew at the first saved tensor, and is not safe while it does."""
    w = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    (w * w).sum().backward()  # the parent has an engine

    def work(reply):
        begin, found = threading.Barrier(16), []

        def save():
            begin.wait()
            found.append((w * w).sin().sum().item())

        threads = [threading.Thread(target=save) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        reply.send(found)

    expected = [(w * w).sin().sum().item()] * 16
    assert run_children([work] * 200, seconds=60, at_once=2) == [expected] * 200
