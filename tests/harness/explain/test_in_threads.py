"""Operations in threads that the body starts: as visible as any other."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from tests.support.explained import Bodies, check, check_test, leaf

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
F64 = {"dtype": torch.float64}
bodies = Bodies()
three = leaf(1.0, 2.0, 3.0)
_rows = torch.randn(5, 3, generator=torch.Generator().manual_seed(8), **F64)


@bodies.add("healthy", w=three)
def work_in_a_thread(w):
    found = []
    thread = threading.Thread(target=lambda: found.append((w * 2).sin().sum()))
    thread.start()
    thread.join()
    return found[0]


@bodies.add("healthy", w=three)
def work_in_a_pool(w):
    with ThreadPoolExecutor(4) as pool:
        return torch.stack(list(pool.map(lambda k: (w * k).sin().sum(), range(8)))).sum()


@bodies.add("partial", "detach", w=three)
def a_detach_in_a_thread(w):
    found = []

    def work():
        y = (w * 2).sin()
        found.append((y.detach() * w).sum())  # <-- here

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return found[0]


@bodies.add("partial", "item", w=three)
def a_number_in_a_pool(w):
    def work(k):
        weight = (w * k).sum().item()  # <-- here
        return (w * weight).sum()

    with ThreadPoolExecutor(4) as pool:
        return torch.stack(list(pool.map(work, range(8)))).sum()


@bodies.add("partial", "no-grad", w=three)
def a_block_without_gradients_in_a_thread(w):
    def work(k):
        with torch.no_grad():  # <-- here
            weight = (w * k).sin()
        return (w * weight).sum()

    with ThreadPoolExecutor(2) as pool:
        return torch.stack(list(pool.map(work, range(4)))).sum()


@bodies.add("nan|inf", "nan-sqrt", w=leaf(0.0, 1.0))
def a_root_of_zero_in_a_pool(w):
    def work(k):
        return (w * k).sqrt().sum()  # <-- here

    with ThreadPoolExecutor(2) as pool:
        return torch.stack(list(pool.map(work, range(1, 4)))).sum()


def _any_moment():
    """Waits for up to some milliseconds, by chance: which thread comes first differs from run to run."""
    time.sleep(os.urandom(1)[0] / 5e4)


@bodies.add("healthy", w=three)
def work_in_any_order(w):
    def work(k):
        _any_moment()
        y = (w * k).sin()
        _any_moment()
        return (y * k).sum()

    with ThreadPoolExecutor(3) as pool:
        return torch.stack(list(pool.map(work, range(6)))).sum()


@bodies.add("partial", "detach", w=three)
def a_detach_in_work_in_any_order(w):
    def work(k):
        _any_moment()
        y = (w * k).sin()
        _any_moment()
        return (y * w.detach()).sum() if k == 4 else y.sum()  # <-- here

    with ThreadPoolExecutor(3) as pool:
        return torch.stack(list(pool.map(work, range(6)))).sum()


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_the_line_is_named_and_proven_for(body):
    check(body)


def test_a_parameter_born_in_a_thread_is_followed():
    def body():
        made = {}

        def work(k):
            _any_moment()
            made[k] = torch.tensor([1.0 + k, 2.0], **F64, requires_grad=True)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        weight = made[1].detach()  # <-- here
        (made[0] * made[1] * made[2] * weight).sum().backward()

    check_test(body, "partial", "detach")
