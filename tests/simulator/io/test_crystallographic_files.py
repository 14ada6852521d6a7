"""MTZ, CIF and atomic models, against gemmi's own arithmetic."""

import itertools

import gemmi
import numpy as np
import pytest

import gradbragg as gb
from gradbragg.cli import main

CELL = gemmi.UnitCell(30, 30, 50, 90, 90, 120)
GROUP = gemmi.SpaceGroup("P 31 2 1")
ATOMS = """\
CRYST1   30.000   40.000   50.000  90.00 100.00  90.00 P 1 21 1
ATOM      1  CA  ALA A   1      11.104   6.134  -6.504  1.00 12.00           C
ATOM      2  N   ALA A   1      12.104   8.134   6.504  1.00 18.00           N
ATOM      3  O   ALA A   1      21.104  16.134  16.504  0.50 15.00           O
ATOM      4  S   MET A   2       1.104  26.134  -3.504  1.00 22.00           S
END
"""


def amplitude(hkl):
    """A different amplitude for every reflection of the asymmetric unit."""
    return 10.0 + (7 * hkl[0] + 13 * hkl[1] + 29 * hkl[2]) % 50


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def unique_reflections(d_min=6.0):
    return gemmi.make_miller_array(CELL, GROUP, d_min)


def write_mtz(columns, rows, path="a.mtz", group=GROUP):
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup, mtz.cell = group, CELL
    mtz.add_dataset("data")
    for label, kind in columns:
        mtz.add_column(label, kind)
    mtz.set_data(np.array(rows, dtype=np.float32))
    mtz.write_to_file(path)


def entry(table, hkl):
    index = tuple(i - o for i, o in zip(hkl, table.origin, strict=True))
    if any(not 0 <= i < n for i, n in zip(index, table.F_hkl.shape, strict=True)) or not table.known[index]:
        return None
    return table.F_hkl[index].item()


def test_an_mtz_is_expanded_as_gemmi_expands_it():
    write_mtz([("FP", "F"), ("SIGFP", "Q")], [[*hkl, amplitude(hkl), 1.0] for hkl in unique_reflections()])
    data = gb.read_mtz("a.mtz")

    want = gemmi.read_mtz_file("a.mtz")
    want.expand_to_p1()
    listed = {tuple(map(int, row[:3])): float(row[3]) for row in np.array(want)}
    assert data.column == "FP"
    assert data.cell == (30, 30, 50, 90, 90, 120)
    assert data.space_group == "P 31 2 1"
    for hkl, F in listed.items():
        assert entry(data.reflections, hkl) == F
        assert entry(data.reflections, tuple(-i for i in hkl)) == F
    assert int(data.reflections.known.sum()) == len({*listed, *(tuple(-i for i in hkl) for hkl in listed)})


def write_unmerged(observations):
    """Observations ``(h, k, l, I, sigma)``, as a data reduction program leaves them."""
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup, mtz.cell = GROUP, CELL
    mtz.add_dataset("data")
    for label, kind in (("M/ISYM", "Y"), ("BATCH", "B"), ("I", "J"), ("SIGI", "Q")):
        mtz.add_column(label, kind)
    asu, operations = gemmi.ReciprocalAsu(GROUP), GROUP.operations()
    rows = []
    for *hkl, intensity, sigma in observations:
        index, symmetry = asu.to_asu(hkl, operations)
        rows.append([*index, symmetry, 1, intensity, sigma])
    mtz.set_data(np.array(rows, dtype=np.float32))
    batch = gemmi.Mtz.Batch()
    batch.number = 1
    mtz.batches.append(batch)
    mtz.write_to_file("a.mtz")


def test_observations_are_averaged_by_their_weights_and_friedel_mates_kept_apart():
    hkl, mate = (1, 2, 3), (-1, -2, -3)
    other = tuple(GROUP.operations().sym_ops[1].apply_to_hkl(list(hkl)))
    write_unmerged([(*hkl, 100.0, 1.0), (*other, 130.0, 2.0), (*mate, 64.0, 1.0), (3, 1, 4, 49.0, 1.0)])
    with pytest.warns(gb.GradBraggWarning, match="4 observations merged to 2 reflections, without scaling"):
        table = gb.read_mtz("a.mtz").reflections
    mean = (100.0 + 130.0 / 4) / (1 + 1 / 4)
    for index in (hkl, other):
        assert entry(table, index) == pytest.approx(mean**0.5, rel=1e-6)
    assert entry(table, mate) == pytest.approx(8.0)
    assert entry(table, (-3, -1, -4)) == pytest.approx(7.0)


def test_missing_amplitudes_are_not_listed_and_negative_ones_are_0():
    rows = [[1, 0, 2, np.nan], [2, 0, 1, -3.0], [1, 0, 4, 5.0]]
    write_mtz([("F", "F")], rows)
    with pytest.warns(gb.GradBraggWarning, match="1 of 2 amplitudes are negative"):
        table = gb.read_mtz("a.mtz").reflections
    assert entry(table, (1, 0, 2)) is None
    assert entry(table, (2, 0, 1)) == 0.0
    assert entry(table, (-1, 0, -4)) == 5.0


def test_friedel_mates_keep_their_own_amplitudes():
    rows = [[3, 1, 2, 10.0, 12.0], [4, 1, 1, 20.0, np.nan], [3, 1, 5, np.nan, 30.0]]
    write_mtz([("F(+)", "G"), ("F(-)", "G")], rows)
    table = gb.read_mtz("a.mtz", "F(+)").reflections
    assert (entry(table, (3, 1, 2)), entry(table, (-3, -1, -2))) == (10.0, 12.0)
    assert (entry(table, (4, 1, 1)), entry(table, (-4, -1, -1))) == (20.0, 20.0)
    assert (entry(table, (3, 1, 5)), entry(table, (-3, -1, -5))) == (30.0, 30.0)
    image = GROUP.operations().sym_ops[1].apply_to_hkl([3, 1, 2])
    assert entry(table, tuple(image)) == 10.0


def test_mates_listed_as_rows_of_their_own_keep_their_own_amplitudes():
    write_mtz([("F", "F")], [[1, 2, 3, 10.0], [-1, -2, -3, 12.0]], group=gemmi.SpaceGroup("P 1"))
    table = gb.read_mtz("a.mtz").reflections
    assert (entry(table, (1, 2, 3)), entry(table, (-1, -2, -3))) == (10.0, 12.0)


def test_intensities_become_amplitudes():
    write_mtz([("I", "J")], [[1, 0, 2, 16.0]])
    assert entry(gb.read_mtz("a.mtz").reflections, (1, 0, 2)) == 4.0


def test_columns_are_chosen_by_name_and_then_by_place():
    write_mtz([("FC", "F"), ("FP", "F"), ("PHI", "P")], [[1, 0, 2, 1.0, 2.0, 3.0]])
    assert gb.read_mtz("a.mtz").column == "FP"
    assert gb.read_mtz("a.mtz", "FC").column == "FC"
    with pytest.raises(gb.FileError, match="has no amplitudes 'PHI'; there are: FC, FP"):
        gb.read_mtz("a.mtz", "PHI")


MMCIF = """\
data_r1
_cell.length_a 30
_cell.length_b 30
_cell.length_c 50
_cell.angle_alpha 90
_cell.angle_beta 90
_cell.angle_gamma 120
_symmetry.space_group_name_H-M 'P 31 2 1'
loop_
_refln.index_h
_refln.index_k
_refln.index_l
_refln.status
_refln.F_meas_au
_refln.F_meas_sigma_au
1 0 2 o 10.5 0.1
2 0 1 f 20.5 0.1
1 0 4 x 30.5 0.1
1 1 3 o ? ?
"""
SMALL_MOLECULE = """\
data_small
_cell_length_a 30.0(2)
_cell_length_b 30.0(2)
_cell_length_c 50.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_space_group_IT_number 152
loop_
_refln_index_h
_refln_index_k
_refln_index_l
_refln_F_squared_meas
_refln_observed_status
1 0 2 16.0(3) o
2 0 1 25.0 <
"""


def test_an_mmcif_of_reflections_is_read(empty_folder):
    (empty_folder / "a.cif").write_text(MMCIF)
    data = gb.read_cif("a.cif")
    assert (data.cell, data.space_group, data.column) == ((30, 30, 50, 90, 90, 120), "P 31 2 1", "F_meas_au")
    table = data.reflections
    for op, (hkl, F) in itertools.product(GROUP.operations().sym_ops, [((1, 0, 2), 10.5), ((2, 0, 1), 20.5)]):
        assert entry(table, tuple(op.apply_to_hkl(hkl))) == F
        assert entry(table, tuple(-i for i in op.apply_to_hkl(hkl))) == F
    assert entry(table, (1, 0, 4)) is None
    assert entry(table, (1, 1, 3)) is None


def test_a_cif_of_a_small_molecule_is_read(empty_folder):
    (empty_folder / "a.cif").write_text(SMALL_MOLECULE)
    data = gb.read_cif("a.cif")
    assert (data.cell[0], data.space_group, data.column) == (30.0, "P 31 2 1", "F_squared_meas")
    assert entry(data.reflections, (1, 0, 2)) == 4.0
    assert entry(data.reflections, (2, 0, 1)) is None


def test_structure_factors_of_atoms_are_those_of_a_direct_sum(empty_folder):
    (empty_folder / "a.pdb").write_text(ATOMS)
    structure = gemmi.read_structure("a.pdb")
    structure.make_mmcif_document().write_file("b.cif")
    calculator = gemmi.StructureFactorCalculatorX(structure.cell)
    table = gb.structure_factors_of_model("a.pdb", 2.5).reflections
    again = gb.structure_factors_of_model("b.cif", 2.5).reflections
    for hkl in [(0, 0, 0), (1, 0, 0), (0, 2, 0), (3, -4, 5), (-3, 4, -5), (2, 11, -1), (-7, -2, 9)]:
        want = abs(calculator.calculate_sf_from_model(structure[0], hkl))
        assert entry(table, hkl) == pytest.approx(want, rel=1e-3, abs=2e-3)
        assert entry(again, hkl) == pytest.approx(want, rel=1e-3, abs=2e-3)
    assert entry(table, (12, 0, 3)) is None
    # the screw axis extinguishes odd k on 0 k 0
    assert entry(table, (0, 3, 0)) in (None, 0.0)


BAD_MTZ = {"text": b"not an mtz", "cut off": b"MTZ \x00\x00"}


@pytest.mark.parametrize("content", BAD_MTZ.values(), ids=BAD_MTZ)
def test_what_is_no_mtz_is_an_error(empty_folder, content):
    (empty_folder / "a.mtz").write_bytes(content)
    with pytest.raises(gb.FileError, match=r"a\.mtz: (is not an MTZ|cannot be read as MTZ)"):
        gb.read_mtz("a.mtz")


BAD_CIF = {
    "no cif": ("hello", "cannot be read as CIF"),
    "atoms": ("data_x\n_cell.length_a 3\n", "holds no reflections"),
    "no cell": (MMCIF.replace("_cell.length_a 30", ""), "has no unit cell"),
    "no group": (MMCIF.replace("'P 31 2 1'", "'Q 9'"), "no space group that gemmi knows"),
    "no amplitudes": (MMCIF.replace("F_meas_au", "F_other"), "has none of _refln.F_meas_au"),
    "half indices": (MMCIF.replace("2 0 1 f", "2 0.5 1 f"), "reflection 2 has indices"),
    "nothing observed": (MMCIF.replace(" o ", " x ").replace(" f ", " x "), "no reflection with an amplitude"),
}


@pytest.mark.parametrize(("text", "message"), BAD_CIF.values(), ids=BAD_CIF)
def test_what_is_no_cif_of_reflections_is_an_error(empty_folder, text, message):
    (empty_folder / "a.cif").write_text(text)
    with pytest.raises(gb.FileError, match=message):
        gb.read_cif("a.cif")


BAD_MODEL = {
    "empty": ("", r"a\.pdb: (holds no atoms|cannot be read)"),
    "no cell": ("\n".join(ATOMS.splitlines()[1:]), "has no unit cell and space group"),
    "reflections": (MMCIF, "holds no atoms; a file of reflections is for --cif"),
}


@pytest.mark.parametrize(("text", "message"), BAD_MODEL.values(), ids=BAD_MODEL)
def test_what_is_no_model_is_an_error(empty_folder, text, message):
    (empty_folder / "a.pdb").write_text(text)
    with pytest.raises(gb.FileError, match=message):
        gb.structure_factors_of_model("a.pdb", 3.0)


def test_a_file_gives_the_cell_unless_a_flag_does(empty_folder):
    (empty_folder / "a.pdb").write_text(ATOMS)
    (empty_folder / "a.cif").write_text(MMCIF)
    crystal = gb.configs_from_flags(["--pdb", "a.pdb", "-detpixels", "64"])[0]
    assert (crystal.cell_a, crystal.cell_beta) == (30.0, 100.0)
    crystal = gb.configs_from_flags(["--cif", "a.cif", "-cell", "77", "-detpixels", "64"])[0]
    assert (crystal.cell_a, crystal.cell_beta) == (77.0, 90.0)


def test_a_model_reaches_the_corners_of_the_detector(empty_folder):
    (empty_folder / "a.pdb").write_text(ATOMS)
    line = "--pdb a.pdb -detpixels 20 -pixel 5 -distance 100 -lambda 1.5 -xds "
    table = gb.configs_from_flags(line.split())[0].reflections
    # the corner is at atan(50 sqrt(2)/100)
    corner = 1.5 / (2 * np.sin(np.arctan(np.sqrt(0.5)) / 2))
    assert table.upper[2] == pytest.approx(50 * np.sin(np.radians(100)) / (0.97 * corner), abs=1.0)
    coarse = gb.configs_from_flags([*line.split(), "--resolution", "6"])[0].reflections
    assert coarse.upper[2] == 8


def test_an_image_comes_from_a_model_by_the_command(empty_folder):
    (empty_folder / "a.pdb").write_text(ATOMS)
    line = "--pdb a.pdb -detpixels 32 -pixel 2 -N 3 -oversample 1 -dump a.bin"
    assert main(line.split()) == 0
    assert np.fromfile("floatimage.bin", np.float32).max() > 0
    assert (empty_folder / "a.bin").exists()


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("--mtz a.mtz -hkl b.hkl", 2, "-hkl and --mtz both give structure factors"),
        ("--mtz a.mtz", 1, "a.mtz: cannot be read"),
        ("--pdb a.pdb --resolution 0", 2, "--resolution needs a spacing above 0"),
        ("--mtz a.mtz -floatfile a.mtz", 2, "would overwrite a.mtz"),
    ],
)
def test_a_line_that_cannot_be_used_is_an_error(line, code, message, capsys):
    assert main([*line.split(), "-detpixels", "8"]) == code
    assert message in capsys.readouterr().err


def test_without_gemmi_the_remedy_is_named(monkeypatch, empty_folder):
    monkeypatch.setitem(__import__("sys").modules, "gemmi", None)
    with pytest.raises(gb.UnsupportedError, match=r"needs gemmi, .* pip install 'gradtriage\[formats\]'"):
        gb.read_mtz("a.mtz")
