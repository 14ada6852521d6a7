"""Physical and numerical constants, with their units (docs/physics.md, section 1)."""

from __future__ import annotations

import math

THOMSON_CROSS_SECTION_M2 = 7.94079248018965e-30
"""Square of the classical electron radius, m^2."""

DEFAULT_FLUENCE = 125932015286227086360700780544.0
"""Photons per m^2 for which the square of the electron radius times the fluence is 1."""

AVOGADRO = 6.02214179e23
"""Molecules per mole."""

HC_EV_ANGSTROM = 12398.42
"""Photon energy times wavelength, eV angstrom."""

WATER_AMPLITUDE = 2.57
"""Scattering amplitude of a water molecule at the resolution of its ring, electrons."""

WATER_MOLAR_MASS = 18.0
"""g/mol."""

WATER_DENSITY = 1e6
"""g/m^3."""

SPHERE_AMPLITUDE = math.sqrt(math.pi / 6.0)
"""Amplitude of a sphere relative to the cube around it, so that the spots keep the right volume."""

GAUSS_WIDTH = 0.63
"""Divisor in the exponent of the Gaussian spot."""

TOPHAT_RADIUS = 0.3969
"""Squared radius of the flat spot."""

SMALLEST_RATIO = 2.2250738585072014e-308
"""Stands for an exact zero between the beam and the detector normal."""
