"""The reference program's uniform deviates and random rotations (docs/physics.md, section 7).

The numbers are plain Python and numpy numbers, never tensors: a draw has no gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from struct import Struct

import numpy as np

_MODULUS = 2147483647
_MULTIPLIER = 16807
_DIVISOR = 67108864
_LARGEST = float(np.float32(1.0 - 1.2e-7))


_FLOAT = Struct("f")


def single(value: float) -> float:
    """The value rounded to single precision; three times as quick as numpy does it for one number."""
    rounded: float = _FLOAT.unpack(_FLOAT.pack(value))[0]
    return rounded


class UniformStream:
    """Minimal-standard congruential generator with a shuffle table of 32 entries.

    The table is shared by all users of one stream; each user brings a seed. A seed of 0 or below starts the
    stream afresh; a seed above 0 goes on with the table as it stands, except that the very first draw of a
    stream always starts afresh.

    Args:
        seed: First seed, negative as a rule.
    """

    def __init__(self, seed: int) -> None:
        self._state = seed
        self._table: list[int] = []
        self._last = 0

    def reseed(self, seed: int) -> None:
        """Continue with another seed and the same table."""
        self._state = seed

    def _start(self) -> None:
        self._state = max(-self._state, 1)
        self._table = [0] * 32
        for j in range(39, -1, -1):
            self._state = self._state * _MULTIPLIER % _MODULUS
            if j < 32:
                self._table[j] = self._state
        self._last = self._table[0]

    def uniform(self) -> float:
        """The next deviate in (0, 1), rounded to single precision."""
        if self._state <= 0 or not self._table:
            self._start()
        self._state = self._state * _MULTIPLIER % _MODULUS
        slot = self._last // _DIVISOR
        self._last = self._table[slot]
        self._table[slot] = self._state
        u = single(self._last * (1.0 / _MODULUS))
        return u if u < _LARGEST else _LARGEST


@dataclass(frozen=True)
class RandomTurn:
    """One random rotation whose angle is still to be scaled.

    Args:
        axis: Unit vector, isotropic.
        fraction: Angle as a fraction of the spread: the cube root of ``1 - r^2``, r uniform in (-1, 1).
    """

    axis: tuple[float, float, float]
    fraction: float


def draw_turn(stream: UniformStream, single_precision: bool = False) -> RandomTurn:
    """Draw the three deviates of one rotation.

    Args:
        stream: Where the deviates come from.
        single_precision: Round the fraction to single precision, as the reference program does.
    """
    r1, r2, r3 = (2.0 * stream.uniform() - 1.0 for _ in range(3))
    s = math.sqrt(1.0 - r2 * r2)
    axis = (s * math.sin(math.pi * r1), s * math.cos(math.pi * r1), r2)
    if single_precision:
        fraction = float(np.power(np.float32(1.0 - r3 * r3), np.float32(1.0 / 3.0)))
    else:
        fraction = (1.0 - r3 * r3) ** (1.0 / 3.0)
    return RandomTurn(axis, fraction)


def turn_matrix(turn: RandomTurn, angle: float) -> np.ndarray:
    """Rodrigues matrix of a drawn axis at a given angle in radians, ``(3, 3)`` in double precision."""
    x, y, z = turn.axis
    K = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    matrix: np.ndarray = np.eye(3) + math.sin(angle) * K + (1.0 - math.cos(angle)) * (K @ K)
    return matrix


def random_misset_deg(seed: int, in_radians: bool = False) -> tuple[float, float, float]:
    """Angles about x, y and z of a random orientation, in degrees.

    Args:
        seed: As given by the user, stored negated.
        in_radians: Turn by up to 90 rad about a random axis, as the reference program does, instead of
            drawing uniformly over all rotations.
    """
    stream = UniformStream(-seed)
    if in_radians:
        turn = draw_turn(stream, single_precision=True)
        U = turn_matrix(turn, float(np.float32(90.0) * np.float32(turn.fraction)))
    else:
        U = _uniform_rotation(*(stream.uniform() for _ in range(3)))
    return _fixed_axes_angles(U)


def _uniform_rotation(u1: float, u2: float, u3: float) -> np.ndarray:
    """Shoemake's uniform random quaternion as a matrix."""
    p, q = math.sqrt(1.0 - u1), math.sqrt(u1)
    x, y = p * math.sin(2 * math.pi * u2), p * math.cos(2 * math.pi * u2)
    z, w = q * math.sin(2 * math.pi * u3), q * math.cos(2 * math.pi * u3)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _fixed_axes_angles(U: np.ndarray) -> tuple[float, float, float]:
    """Angles in degrees of ``U = Rz Ry Rx``."""
    if abs(U[2, 0]) >= 1.0:
        angles = (math.pi, math.pi / 2.0, math.atan2(U[0, 1], -U[1, 1]))
    else:
        angles = (
            math.atan2(U[2, 1], U[2, 2]),
            math.atan2(-U[2, 0], math.hypot(U[2, 1], U[2, 2])),
            math.atan2(U[1, 0], U[0, 0]),
        )
    x, y, z = (math.degrees(angle) for angle in angles)
    return x, y, z
