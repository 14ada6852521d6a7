"""Flags of the detector, its convention and the sampling."""

from __future__ import annotations

from gradbragg.flags.declaration import Flag, Group, switch

DETECTOR = Group(
    "detector",
    (
        Flag("-distance", "Along the beam.", unit="mm", pivot="beam", default="100"),
        Flag("-close_distance", "Along the detector normal; beats -distance.", unit="mm", pivot="sample"),
        Flag("-pixel", "Edge of the square pixels.", unit="mm", default="0.1"),
        Flag("-detsize", "Both edges.", unit="mm", exact=True, default="102.4"),
        Flag("-detsize_f", "Fast edge.", unit="mm"),
        Flag("-detsize_s", "Slow edge.", unit="mm"),
        Flag("-detpixels", "Pixels along both edges; beats -detsize.", "count", exact=True),
        Flag("-detpixels_f", "Pixels along the fast edge.", "count", aliases=("-detpixels_x",)),
        Flag("-detpixels_s", "Pixels along the slow edge.", "count", aliases=("-detpixels_y",)),
        Flag("-Xbeam", "Beam centre, as the convention defines it.", unit="mm", pivot="beam"),
        Flag("-Ybeam", "Beam centre, as the convention defines it.", unit="mm", pivot="beam"),
        Flag("-Xclose", "Default of -Xbeam in the custom convention.", unit="mm", pivot="sample"),
        Flag("-Yclose", "Default of -Ybeam in the custom convention.", unit="mm", pivot="sample"),
        Flag("-ORGX", "Near point of XDS, counted from 1 at a pixel's centre.", unit="pixels", pivot="sample"),
        Flag("-ORGY", "Near point of XDS, counted from 1 at a pixel's centre.", unit="pixels", pivot="sample"),
        Flag("-pivot", "What stays when the detector rotates: sample or beam.", "word"),
        Flag("-twotheta", "Swing about the two-theta axis.", unit="deg", pivot="sample", default="0"),
        Flag("-detector_rotx", "Rotation about x.", unit="deg", default="0"),
        Flag("-detector_roty", "Rotation about y.", unit="deg", default="0"),
        Flag("-detector_rotz", "Rotation about z.", unit="deg", default="0"),
        switch("-curved_det", "Pixels on a sphere around the sample."),
        switch("-point_pixel", "Solid angle 1/R^2, without the pixel's area."),
        Flag("-detector_abs", "Attenuation depth of the sensor, or inf.", unit="um", aliases=("-detector_absorb",)),
        Flag("-detector_thick", "Thickness of the sensor.", unit="um", exact=True, default="0"),
        Flag("-detector_thicksteps", "Layers of the sensor.", "count", aliases=("-thicksteps",), default="2"),
        Flag("-mask", "SMV file; pixels of 0 are left out, its header sets the detector.", "file", unit="file"),
        Flag("-img", "SMV file whose header sets the detector.", "file", unit="file"),
        Flag("-roi", "Pixels to simulate: xmin xmax ymin ymax, ends included.", "count", 4, "pixels", default="all"),
    ),
)

CONVENTION = Group(
    "convention",
    (
        switch("-mosflm", "MOSFLM frame, pivot at the beam spot.", pivot="beam", default="on"),
        switch("-denzo", "DENZO frame, pivot at the beam spot.", pivot="beam"),
        switch("-adxv", "ADXV frame, pivot at the beam spot.", pivot="beam"),
        switch("-xds", "XDS frame, pivot at the sample.", pivot="sample"),
        switch("-dials", "DIALS frame, pivot at the sample.", pivot="beam"),
        Flag("-fdet_vector", "Fast axis; makes the convention custom.", args=3, default="0 0 1"),
        Flag("-sdet_vector", "Slow axis; makes the convention custom.", args=3, default="0 -1 0"),
        Flag("-odet_vector", "Detector normal; makes the convention custom.", args=3, default="1 0 0"),
        Flag("-beam_vector", "Beam direction; makes the convention custom.", args=3, default="1 0 0"),
        Flag("-polar_vector", "Electric vector; makes the convention custom.", args=3, default="0 0 1"),
        Flag("-spindle_axis", "Phi axis; makes the convention custom.", args=3, default="0 0 1"),
        Flag(
            "-twotheta_axis",
            "Two-theta axis; makes the convention custom.",
            args=3,
            pivot="sample",
            default="0 1 0",
        ),
        Flag("-pix0_vector", "Corner of the detector, instead of distance and beam centre; custom.", args=3, unit="m"),
        Flag("-pix0_vector_mm", "The same in millimetres.", args=3, unit="mm"),
    ),
)

SAMPLING = Group(
    "sampling",
    (
        Flag("-oversample", "Subpixels along each edge.", "count", exact=True, default="from the crystal size"),
        switch("-oversample_omega", "Solid angle at every subpixel (always so without --compat)."),
        switch("-oversample_polar", "Polarization at every subpixel (always so without --compat)."),
        switch("-oversample_thick", "Absorption at every subpixel (always so without --compat)."),
    ),
)
