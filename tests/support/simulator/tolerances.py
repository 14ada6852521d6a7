"""Every tolerance of the simulator's tests, with its reason."""

GOLDEN = 2e-6
"""Of an image's maximum. The reference stores float32 (6e-8) after sums of up to a hundred rounded terms."""

CHECK_VALUE = 2e-7
"""Relative, for sums and pixels that were noted with nine digits from a float32 image."""

NOTED_WITH_SIX_DIGITS = 2e-6
"""Relative, for sums of which six digits were noted."""

WEAK_PIXEL = 1e-6
"""Relative, for noted pixels near a zero of the grating, where the last bits of h are amplified."""

GRADIENT = 1e-6
"""Relative, beside the finite difference's own error estimate: what the refinement of a model needs."""

ROUNDING = 1e-12
"""Relative, for formulas in double precision that differ in the order of operations alone."""

MIXED_PRECISION = 1e-5
"""Of an image's maximum: the default precision against double precision."""

SINGLE_PRECISION_ANGLE = 1e-5
"""Relative to the maximum: the reference program rounds mosaic angles to single precision (6e-8 rad), and
the slope of an intensity is about N pi h."""

COMPILED = 1e-11
"""Of an image's maximum, in double precision: h differs in its last bits (1e-14 at h = 100), and the slope of an
intensity is about N pi h."""

COMPILED_GRADIENT = 1e-8
"""Of the longest gradient of its kind, or of what the loss would change by if it were proportional to the input."""

BRIGHT = 1e-3
"""Of an image's maximum: above it single precision is right to BRIGHT_RELATIVE."""

BRIGHT_RELATIVE = 1e-3
"""Relative: near a zero of the grating the last bits of a single-precision phase are amplified."""
