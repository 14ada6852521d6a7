"""Flags of the outputs, and gradbragg's own flags."""

from __future__ import annotations

from gradbragg.flags.declaration import Flag, Group, switch

OUTPUT = Group(
    "output",
    (
        Flag(
            "-floatfile",
            "Raw single-precision image.",
            "file",
            unit="file",
            aliases=("-floatimage",),
            default="floatimage.bin",
        ),
        Flag("-intfile", "SMV image, photons times scale plus offset.", "file", unit="file", aliases=("-intimage",)),
        Flag("-noisefile", "SMV image with counting noise.", "file", unit="file", aliases=("-noiseimage",)),
        switch("-nonoise", "No image with noise.", default="on without --compat"),
        Flag("-pgmfile", "PGM image.", "file", unit="file", aliases=("-pgmimage",)),
        switch("-nopgm", "No PGM image.", default="on without --compat"),
        Flag("-scale", "Of the SMV image.", unit="counts/photon", default="the brightest pixel gets 55000"),
        Flag("-pgmscale", "Of the PGM image, which it turns on.", unit="gray levels/photon", default="250/(5 rmsd)"),
        Flag("-adc", "Offset of the SMV images.", unit="counts", aliases=("-adcoffset",), default="40"),
        Flag("-seed", "Seed of the noise.", "count", default="the clock"),
        switch("-printout", "Print every pixel."),
        Flag("-printout_pixel", "Print one pixel: fast slow.", "count", 2, "pixels"),
        switch("-progress", "Show the progress on a terminal.", default="on"),
        switch("-noprogress", "Show no progress."),
    ),
)

OWN = Group(
    "gradbragg's own",
    (
        switch("--compat", "Reproduce the reference program, its defects included."),
        Flag("--mtz", "Structure factors and cell from an MTZ file.", "file", unit="file"),
        Flag("--cif", "Structure factors and cell from a CIF or mmCIF file of reflections.", "file", unit="file"),
        Flag("--pdb", "Structure factors and cell of the atoms of a PDB or mmCIF file.", "file", unit="file"),
        Flag("--column", "Amplitudes or intensities in --mtz or --cif.", "word", default="FP, F or the like"),
        Flag("--resolution", "Smallest spacing of --pdb.", unit="A", default="the detector's corners"),
        Flag("--dtype", "float32 or float64 (double throughout).", "word", default="float32"),
        Flag("--precision", "mixed, or single for phases in single precision too.", "word", default="mixed"),
        Flag("--device", "Where to compute, as torch names it.", "word", default="cpu"),
        Flag("--block-steps", "Sampling steps in memory at a time.", "count", default="131072"),
        Flag("--png", "Preview, dark spots on white.", "file", unit="file"),
        Flag("--nexus", "NeXus (HDF5) file of the image, its detector and its beam.", "file", unit="file"),
        Flag("--json", "Summary: every setting, its origin, statistics; - is standard output.", "file", unit="file"),
        switch("--debug", "Show the traceback of an error."),
        switch("--help", "Show this text.", aliases=("-h", "-help")),
        switch("--version", "Show the version."),
    ),
)
