"""Flags of the beam."""

from __future__ import annotations

from gradbragg.flags.declaration import Flag, Group, switch

BEAM = Group(
    "beam",
    (
        Flag("-lambda", "Wavelength.", unit="A", starts=("-wave",), default="1"),
        Flag("-energy", "Photon energy; the last of -lambda and -energy counts.", unit="eV"),
        Flag("-fluence", "Photons per area.", unit="photons/m2", default="1.26e29"),
        Flag("-flux", "Photons per second; beats -fluence.", unit="photons/s", default="0"),
        Flag("-exposure", "Exposure time, for -flux.", unit="s", default="1"),
        Flag("-beamsize", "Edge of the square beam, for -flux and the crystal size.", unit="mm", default="0.1"),
        Flag("-polar", "Kahn polarization factor.", exact=True, default="0"),
        switch("-nopolar", "Sets the polarization factor to 1."),
        Flag("-dispersion", "Full range of wavelengths.", unit="percent", default="0"),
        Flag("-dispsteps", "Wavelengths.", "count"),
        Flag("-divergence", "Full divergence both ways.", unit="mrad"),
        Flag("-hdivrange", "Full horizontal divergence.", unit="mrad"),
        Flag("-vdivrange", "Full vertical divergence.", unit="mrad"),
        Flag("-hdivstep", "Horizontal spacing.", unit="mrad", exact=True),
        Flag("-vdivstep", "Vertical spacing.", unit="mrad", exact=True),
        Flag("-hdivsteps", "Horizontal directions.", "count"),
        Flag("-vdivsteps", "Vertical directions.", "count"),
        Flag("-divsteps", "Directions both ways.", "count"),
        switch("-round_div", "Leave out the corners of the divergence grid.", default="on"),
        switch("-square_div", "Keep the corners."),
        Flag("-sourcefile", "List of X Y Z weight wavelength[m]; replaces both grids.", "file", unit="file"),
        switch("-coherent", "Has no effect.", status="inert"),
    ),
)
