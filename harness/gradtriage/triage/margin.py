"""How far beyond its tolerance a comparison was, as far as its message says."""

import re

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
# torch.testing: "Greatest relative difference: 0.02 at index (0,) (up to 1e-05 allowed)"
_TORCH = re.compile(
    rf"(?:difference: |Absolute difference: |Relative difference: ){_NUMBER}.*?\(up to {_NUMBER} allowed\)"
)
# numpy.testing: "Not equal to tolerance rtol=1e-07, atol=0" and "Max relative difference among violations: 0.02"
_NUMPY_ALLOWED = re.compile(rf"rtol={_NUMBER}, atol={_NUMBER}")
_NUMPY_RELATIVE = re.compile(rf"Max relative difference[^:]*: {_NUMBER}")
_NUMPY_ABSOLUTE = re.compile(rf"Max absolute difference[^:]*: {_NUMBER}")
# pytest.approx: "assert 0.3001 == 0.3 ± 3.0e-07"
_APPROX = re.compile(rf"assert {_NUMBER} == {_NUMBER} ± {_NUMBER}")


def tolerance_margin(message: str) -> float | None:
    """The measured difference over the allowed one: 1 is just at the tolerance; None where the message has none.

    Of several figures the smallest counts: the tolerance that is nearest to being met.
    """
    ratios = [_ratio(float(measured), float(allowed)) for measured, allowed in _TORCH.findall(message)]
    if match := _NUMPY_ALLOWED.search(message):
        for pattern, allowed in ((_NUMPY_RELATIVE, match[1]), (_NUMPY_ABSOLUTE, match[2])):
            if measured := pattern.search(message):
                ratios.append(_ratio(float(measured[1]), float(allowed)))
    if match := _APPROX.search(message):
        ratios.append(_ratio(abs(float(match[1]) - float(match[2])), float(match[3])))
    known = [ratio for ratio in ratios if ratio is not None and ratio >= 1]
    return min(known) if known else None


def _ratio(measured: float, allowed: float) -> float | None:
    return measured / allowed if allowed > 0 else None
