"""Checkpoints, parametrised modules, packed sequences, subclasses: healthy is healthy, and a detach inside is named."""

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint

from tests.support.explained import Bodies, check, check_test, leaf

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
F64 = {"dtype": torch.float64}
bodies = Bodies()
three = leaf(1.0, 2.0, 3.0)
_rows = torch.randn(5, 3, generator=torch.Generator().manual_seed(8), **F64)


@bodies.add("healthy", w=three)
def a_checkpoint(w):
    return checkpoint(lambda w: (w * 2).sin(), w, use_reentrant=False).sum()


@bodies.add("partial", "detach", w=three)
def a_detach_inside_a_checkpoint(w):
    def part(w):
        return (w * 2).sin() * w.detach()  # <-- here

    return checkpoint(part, w, use_reentrant=False).sum()


class Exponential(nn.Module):
    def forward(self, x):
        return x.exp()


class Halfway(nn.Module):
    def forward(self, x):
        return x.exp() * x.detach()  # <-- a detach inside a parametrisation


def _linear():
    torch.manual_seed(4)
    return nn.Linear(3, 2).double()


@bodies.add("healthy", w=three)
def a_parametrisation(w):
    net = _linear()
    parametrize.register_parametrization(net, "weight", Exponential())
    return net(_rows * w).sum()


@bodies.add("partial", "detach", v=_rows[:2].clone().requires_grad_())
def a_detach_inside_a_parametrisation(v):
    net = _linear()
    parametrize.register_parametrization(net, "weight", Halfway())
    return functional_call(net, {"parametrizations.weight.original": v}, (_rows,)).sum()


@bodies.add("healthy", w=three)
def weight_norm(w):
    net = parametrizations.weight_norm(_linear())
    return net(_rows * w).square().sum()


@bodies.add("healthy", w=three)
def spectral_norm(w):
    net = parametrizations.spectral_norm(_linear())
    return net(_rows * w).square().sum()


@bodies.add("healthy", w=three)
def a_packed_sequence(w):
    torch.manual_seed(5)
    net = nn.GRU(3, 4, batch_first=True).double()
    packed = pack_padded_sequence((_rows * w)[None].repeat(2, 1, 1), torch.tensor([5, 3]), batch_first=True)
    out, _ = pad_packed_sequence(net(packed)[0], batch_first=True)
    return out.square().sum()


@bodies.add("partial", "detach", w=three)
def a_detach_before_a_packed_sequence(w):
    torch.manual_seed(5)
    net = nn.GRU(3, 4, batch_first=True).double()
    series = (_rows * w)[None].repeat(2, 1, 1)
    packed = pack_padded_sequence(series.detach(), torch.tensor([5, 3]), batch_first=True)  # <-- here
    out, _ = pad_packed_sequence(net(packed)[0], batch_first=True)
    return out.square().sum() * w.sum()


class Metres(torch.Tensor):
    """A subclass with a rule of its own."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return super().__torch_function__(func, types, args, kwargs or {})


@bodies.add("healthy", w=three)
def a_subclass(w):
    return (w.as_subclass(Metres) * 2).sin().sum().as_subclass(torch.Tensor)


@bodies.add("partial", "detach", w=three)
def a_detach_of_a_subclass(w):
    length = w.as_subclass(Metres)
    weight = (length * 2).detach()  # <-- here
    return (weight * length).sum().as_subclass(torch.Tensor)


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_the_line_is_named_and_proven_for(body):
    check(body)


def test_a_reentrant_checkpoint_is_healthy():
    def body():
        w = torch.tensor([1.0, 2.0, 3.0], **F64, requires_grad=True)
        checkpoint(lambda w: (w * 2).sin(), w, use_reentrant=True).sum().backward()

    check_test(body, "healthy")


def test_a_detach_inside_a_reentrant_checkpoint_is_named():
    def body():
        def part(w):
            return (w * 2).sin() * w.detach()  # <-- here

        w = torch.tensor([1.0, 2.0, 3.0], **F64, requires_grad=True)
        checkpoint(part, w, use_reentrant=True).sum().backward()

    check_test(body, "partial", "detach")


def test_a_root_of_zero_inside_a_reentrant_checkpoint_is_named():
    def body():
        def part(w):
            y = w * 2
            return y.sqrt()  # <-- here

        w = torch.tensor([0.0, 1.0], **F64, requires_grad=True)
        checkpoint(part, w, use_reentrant=True).sum().backward()

    check_test(body, "inf", "nan-sqrt")


def test_a_reentrant_checkpoint_whose_inputs_need_no_gradient_is_named():
    def body():
        block, head = _linear(), nn.Linear(2, 1).double()
        hidden = checkpoint(block, _rows, use_reentrant=True)  # <-- here
        head(hidden).square().mean().backward()
        assert block.weight.grad is not None

    check_test(body, "severed", "no-grad")
