"""The forms in which a value leaves torch and comes back: each loses the gradient at its line."""

import io
import operator
import pickle
import struct
from decimal import Decimal
from math import sin

import numpy as np
import pytest
import torch

from tests.support.explained import Bodies, check, leaf

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
F64 = {"dtype": torch.float64}
bodies = Bodies()
one, two, three = leaf(1.5), leaf(0.3, 0.8), leaf(1.0, 2.0, 3.0)


@bodies.add("partial", "item", a=one)
def sine_bound_by_name(a):
    return a * sin(a)  # <-- here


@bodies.add("partial", "item", a=one)
def sine_of_a_number_that_left_earlier(a):
    number = float(a)  # <-- here
    doubled = number * 2
    return a * sin(doubled)


@bodies.add("partial", "item|numpy", a=one)
def a_numpy_scalar(a):
    number = np.float64(a.item())  # <-- here
    return a * number


@bodies.add("partial", "item|numpy", a=one)
def a_numpy_scalar_of_the_tensor(a):
    number = np.float64(a.detach())  # <-- here
    return a * number


@bodies.add("partial", "numpy", a=two)
def numpy_ufunc_on_a_tensor(a):
    weight = np.exp(a.detach())  # <-- here
    return (a * weight).sum()


@bodies.add("partial", "numpy", a=two)
def numpy_array_of_a_tensor(a):
    weight = torch.as_tensor(np.asarray(a.detach()) ** 2)  # <-- here
    return (a * weight).sum()


@bodies.add("partial", "item", a=one)
def an_f_string(a):
    text = f"{a:.17g}"  # <-- here
    return a * float(text)


@bodies.add("partial", "item|detach", a=two)
def text_of_a_tensor(a):
    torch.set_printoptions(precision=15)
    text = str(a.detach().sum())  # <-- here
    torch.set_printoptions(precision=4)
    return (a * float(text.split("(")[1].split(",")[0])).sum()


@bodies.add("partial", "item", a=two)
def a_list(a):
    numbers = a.tolist()  # <-- here
    return (a * torch.tensor(numbers, **F64)).sum()


@bodies.add("partial", "item", a=one)
def packed_bytes(a):
    raw = struct.pack("d", a)  # <-- here
    return a * struct.unpack("d", raw)[0]


@bodies.add("partial", "item|detach", a=two)
def a_pickle_round_trip(a):
    raw = pickle.dumps(a.detach())  # <-- here
    return (a * pickle.loads(raw)).sum()


@bodies.add("partial", "detach", a=two)
def a_saved_file(a):
    file = io.BytesIO()
    torch.save(a.detach(), file)  # <-- here
    file.seek(0)
    return (a * torch.load(file)).sum()


@bodies.add("partial", "item", a=one)
def a_complex_number(a):
    number = complex(a)  # <-- here
    return a * number.real


@bodies.add("partial", "item", a=one)
def a_decimal_number(a):
    number = Decimal(a.item())  # <-- here
    return a * float(number * 2)


@bodies.add("partial", "item", a=one)
def an_index(a):
    number = operator.index((a * 1e9).long())  # <-- here
    return a * (number / 1e9)


@bodies.add("partial", "rebuild", a=one)
def linspace(a):
    return a * torch.linspace(0, a, 5, **F64).sum()  # <-- here


@bodies.add("partial", "rebuild", a=one)
def logspace(a):
    return a * torch.logspace(0, a, 5, **F64).sum()  # <-- here


@bodies.add("partial", "item", a=one)
def arange(a):
    return a * torch.arange(float(a), 4, **F64).sum()  # <-- here


@bodies.add("partial", "item", a=one)
def full(a):
    return a * torch.full((3,), float(a), **F64).sum()  # <-- here


@bodies.add("partial", "item", a=one)
def eye_times_a_number(a):
    return a * (torch.eye(3, **F64) * float(a)).sum()  # <-- here


@bodies.add("partial", "item|rebuild", a=one)
def legacy_constructor(a):
    return a * torch.Tensor([a * 1e3]).double().sum()  # <-- here


@bodies.add("partial", "item|rebuild", a=one)
def double_tensor(a):
    return a * torch.DoubleTensor([a * 2]).sum()  # <-- here


@bodies.add("partial", "rebuild", a=one)
def asarray_of_a_list(a):
    return a * torch.asarray([a * 2]).sum()  # <-- here


@bodies.add("partial", "rebuild", a=one)
def asarray_of_a_tensor(a):
    return a * torch.asarray(a * 2, requires_grad=False).sum()  # <-- here


@bodies.add("partial", "rebuild", a=one)
def new_tensor(a):
    return a * a.new_tensor([a * 2]).sum()  # <-- here


@bodies.add("partial", "rebuild|detach|numpy", a=two)
def dlpack(a):
    return (a * torch.from_dlpack(a.detach())).sum()  # <-- here


@bodies.add("partial", "numpy", a=two)
def dlpack_by_numpy(a):
    return (a * torch.from_dlpack(np.from_dlpack(a.detach()))).sum()  # <-- here


@bodies.add("partial", "numpy", a=two)
def memory_view(a):
    view = memoryview(a.detach().numpy())  # <-- here
    return a[0] * view[1] + a[1]


@bodies.add("partial", "numpy", a=two)
def bytes_of_an_array(a):
    raw = a.detach().numpy().tobytes()  # <-- here
    return (a * torch.frombuffer(bytearray(raw), **F64)).sum()


@bodies.add("partial", "detach", a=two)
def a_write_into_the_storage(a):
    h = torch.zeros(2, **F64)
    h.untyped_storage().copy_((a * 3).detach().untyped_storage())  # <-- here
    return (h * a).sum()


@bodies.add("partial", "item|inplace", a=two)
def a_number_written_into_the_storage(a):
    h = torch.ones(2, **F64)
    number = a.sum().item()  # <-- here
    h.storage()[0] = number
    return (h * a).sum()


@bodies.add("partial", "numpy", a=two)
def numpy_shares_memory_and_writes(a):
    h = torch.zeros(2, **F64)
    h.numpy()[:] = a.detach().numpy()  # <-- here
    return (h * a).sum()


@bodies.add("partial", "detach", a=two)
def set_to_another_storage(a):
    h = torch.empty(0, **F64)
    h.set_((a * 2).detach())  # <-- here
    return (h * a).sum()


# the same forms, where the gradient does not need them


@bodies.add("healthy", a=two)
def numbers_that_only_tell(a):
    loss = (a**2).sum()
    told = [f"{loss:.3f}", str(a), a.tolist(), complex(loss), struct.pack("d", loss), Decimal(loss.item())]
    return loss if told else loss * 2


@bodies.add("healthy", a=two)
def arrays_that_only_tell(a):
    loss = (a**3).sum()
    told = [np.float64(loss.detach()), np.exp(a.detach()), bytes(memoryview(a.detach().numpy()))]
    copies = [pickle.loads(pickle.dumps(a.detach())), torch.asarray([1.0]), torch.from_dlpack(a.detach())]
    return loss if told and copies else loss * 2


@bodies.add("healthy", a=two)
def numbers_for_a_grid_that_does_not_depend_on_the_parameter(a):
    grid = torch.linspace(0, float(torch.tensor(2.0)), 5, **F64) + torch.eye(5, **F64) * 3
    return (grid * a.sum()).sin().sum()


@bodies.add("healthy", a=two)
def an_index_that_only_counts(a):
    count = operator.index(torch.tensor(2)) + int(a.numel())
    return (a * count).sum()


@bodies.add("healthy", a=two)
def a_storage_that_is_filled_with_constants(a):
    h = torch.ones(2, **F64)
    h.untyped_storage().copy_(torch.full((2,), 3.0, **F64).untyped_storage())
    return (h * a.sin()).sum()


def _shares(a):
    index = torch.tensor([0, 0, 1])
    largest = torch.zeros(2, **F64).scatter_reduce(0, index, a.detach(), "amax", include_self=False)
    raised = (a - largest[index]).exp()
    total = torch.zeros(2, **F64).scatter_add(0, index, raised)
    total = torch.from_numpy(total.detach().numpy().copy())  # <-- a line called twice beside a harmless detach
    return raised / total[index]


@bodies.add("partial", "numpy", a=leaf(-0.4, 0.3, 0.9))
def a_line_called_twice_beside_a_harmless_detach(a):
    return (_shares(_shares(a) * torch.tensor([0.0, 1.0, 3.0], **F64)) * a).sum()


@pytest.mark.parametrize("body", bodies.values(), ids=bodies)
def test_the_line_is_named_and_proven_for(body):
    check(body)
