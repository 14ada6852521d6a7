"""The exit status of a suite, from those of its processes."""

from collections.abc import Sequence

_OWN_CODES = (1, 0, 5)


def suite_exit_code(codes: Sequence[int]) -> int:
    """The exit status of a suite: of the first process that ended as pytest does not, or else 1 before 0 before 5."""
    strange = [code for code in codes if code not in _OWN_CODES]
    if strange or not codes:
        return strange[0] if strange else -9
    return next(code for code in _OWN_CODES if code in codes)
