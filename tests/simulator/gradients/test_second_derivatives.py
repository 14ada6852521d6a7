"""Second derivatives of every input equal finite differences of its slope."""

import pytest

from tests.support.simulator.agreement import INPUTS, measure_second


@pytest.mark.parametrize("tested", INPUTS, ids=lambda tested: tested.name)
def test_the_second_derivative_of_every_input_is_the_difference_of_its_slope(tested):
    found = measure_second(tested)
    assert found.uncertainty < 1e-6
    assert found.deviation <= 1e-7 + 2 * found.uncertainty
