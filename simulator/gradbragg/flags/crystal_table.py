"""Flags of the crystal and its structure factors."""

from __future__ import annotations

from gradbragg.flags.declaration import Flag, Group, switch

CRYSTAL = Group(
    "crystal",
    (
        Flag("-cell", "Cell edges and angles; what is missing repeats a or is 90.", "cell", 6, "A, deg"),
        Flag("-mat", "Orientation matrix times wavelength, nine numbers.", "file", unit="file", aliases=("-matrix",)),
        Flag("-N", "Cells along all three axes.", "count", unit="cells", exact=True, default="1"),
        Flag("-Na", "Cells along a.", "count", unit="cells", default="1"),
        Flag("-Nb", "Cells along b.", "count", unit="cells", default="1"),
        Flag("-Nc", "Cells along c.", "count", unit="cells", default="1"),
        Flag("-misset", "Rotation about x, then y, then z; or the word random.", "misset", 3, "deg", default="0 0 0"),
        Flag("-misset_seed", "Seed of a random misset.", "count", default="the clock"),
        Flag(
            "-samplesize",
            "Crystal edge along all three axes.",
            unit="mm",
            aliases=("-sample_size", "-xtalsize", "-xtal_size"),
        ),
        Flag(
            "-sample_thick",
            "Crystal edge along a.",
            unit="mm",
            aliases=("-sample_x", "-xtal_thick", "-xtal_x"),
        ),
        Flag(
            "-sample_width",
            "Crystal edge along b, at most the beam's.",
            unit="mm",
            aliases=("-sample_y", "-width", "-xtal_width", "-xtal_y"),
        ),
        Flag(
            "-sample_height",
            "Crystal edge along c, at most the beam's.",
            unit="mm",
            aliases=(
                "-sample_heigh",
                "-sample_z",
                "-heigh",
                "-height",
                "-xtal_heigh",
                "-xtal_height",
                "-xtal_z",
            ),
        ),
        switch("-square_xtal", "A block of cells, with fringes.", default="on"),
        switch("-round_xtal", "A round crystal."),
        switch("-gauss_xtal", "Gaussian spots without fringes."),
        switch("-tophat_spots", "Flat spots with a sharp edge.", aliases=("-binary_spots",)),
        Flag("-fudge", "Narrows the spots of every shape but the square.", default="1"),
        Flag(
            "-mosaic",
            "Largest rotation of a mosaic domain.",
            unit="deg",
            exact=True,
            starts=("-mosaici", "-mosaic_spr"),
            default="no mosaicity",
        ),
        Flag("-mosaic_domains", "Mosaic domains.", "count", starts=("-mosaic_dom",), default="10 with -mosaic"),
        Flag("-mosaic_seed", "Seed of the mosaic domains.", "count", default="12345678"),
        Flag("-phi", "Spindle angle at the start.", unit="deg", exact=True, default="0"),
        Flag("-osc", "Rotation range.", unit="deg", default="0"),
        Flag("-phistep", "Angle between phi steps.", unit="deg", exact=True),
        Flag("-phisteps", "Phi steps.", "count"),
        Flag("-dmin", "Leaves out smaller spacings.", unit="A", default="0"),
        Flag("-density", "Has no effect.", unit="g/cm3", starts=("-sample_den",), status="inert"),
        Flag("-MW", "Has no effect.", unit="g/mol", exact=True, starts=("-molec",), status="inert"),
    ),
)

STRUCTURE_FACTORS = Group(
    "structure factors",
    (
        Flag("-hkl", "Text list of h k l F.", "file", unit="file"),
        Flag("-default_F", "Structure factor of what is not listed.", unit="electrons", default="0"),
        Flag(
            "-dump",
            "Binary cache: written with a list, read without one.",
            "file",
            unit="file",
            aliases=("-dumpfile",),
        ),
        switch("-interpolate", "Interpolate between listed structure factors.", default="with 2 cells or fewer"),
        switch("-nointerpolate", "Take the nearest listed structure factor."),
        Flag("-water", "Edge of a cube of water that adds a flat background.", unit="um", default="0"),
        Flag("-stol", "Has no effect.", "file", unit="file", exact=True, status="inert"),
        Flag("-4stol", "Has no effect.", "file", unit="file", exact=True, status="inert"),
        Flag("-Q", "Has no effect.", "file", unit="file", exact=True, status="inert"),
        Flag("-stolout", "Has no effect.", "file", unit="file", status="inert"),
    ),
)
