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
        Flag("-intfile", "Scaled SMV image.", "file", unit="file", aliases=("-intimage",), status="later"),
        Flag("-noisefile", "SMV image with noise.", "file", unit="file", aliases=("-noiseimage",), status="later"),
        switch("-nonoise", "No image with noise (none is written yet)."),
        Flag("-pgmfile", "PGM image.", "file", unit="file", aliases=("-pgmimage",), status="later"),
        switch("-nopgm", "No PGM image (none is written yet)."),
        Flag("-scale", "Counts per photon of the SMV image.", status="integer images"),
        Flag("-pgmscale", "Scale of the PGM image.", status="integer images"),
        Flag("-adc", "Offset of the SMV images.", aliases=("-adcoffset",), status="integer images"),
        Flag("-seed", "Seed of the noise.", "count", status="integer images"),
        switch("-printout", "Print every pixel.", status="integer images"),
        Flag("-printout_pixel", "Print one pixel.", "count", 2, status="integer images"),
        switch("-progress", "Show the progress (there is none to show yet)."),
        switch("-noprogress", "Show no progress."),
    ),
)

OWN = Group(
    "gradbragg's own",
    (
        switch("--compat", "Reproduce the reference program, its defects included."),
        Flag("--dtype", "float32 or float64 (double throughout).", "word", default="float32"),
        Flag("--precision", "mixed, or single for phases in single precision too.", "word", default="mixed"),
        Flag("--device", "Where to compute, as torch names it.", "word", default="cpu"),
        Flag("--block-steps", "Sampling steps in memory at a time.", "count", default="131072"),
        Flag("--png", "Preview, dark spots on white.", "file", unit="file"),
        switch("--debug", "Show the traceback of an error."),
        switch("--help", "Show this text.", aliases=("-h", "-help")),
        switch("--version", "Show the version."),
    ),
)
