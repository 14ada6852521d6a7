import pytest

from gradbragg import FlagWarning, UsageError
from gradbragg.flags.parse import lenient_number, lenient_whole, parse
from gradbragg.flags.table import FLAGS


def given(line):
    return [(one.flag.name, one.values) for one in parse(line.split())]


def test_flags_and_their_values_are_read_in_order():
    assert given("-N 5 -misset -1 2 -3.5 -nopolar") == [
        ("-N", (5.0,)),
        ("-misset", (-1.0, 2.0, -3.5)),
        ("-nopolar", ()),
    ]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("-matrix a.mat", "-mat"),
        ("-wavelength 1.2", "-lambda"),
        ("-mosaicity 1", "-mosaic"),
        ("-mosaic_spread 1", "-mosaic"),
        ("-detpixels_x 9", "-detpixels_f"),
        ("-xtal_size 0.1", "-samplesize"),
        ("-floatimage a.bin", "-floatfile"),
    ],
)
def test_aliases_are_known(line, name):
    assert given(line)[0][0] == name


BAD = {
    "unknown": ("-defualt_F 3", r"unknown flag -defualt_F; did you mean -default_F\?"),
    "unknown of our own": ("--dtpye float64", r"unknown flag --dtpye; did you mean --dtype\?"),
    "a stray word": ("100", "unknown flag 100"),
    "a missing value": ("-N", "-N needs a whole number"),
    "a flag for a value": ("-distance -N 5", "-distance needs a number"),
    "no number": ("-distance far", "-distance needs a number .mm., got 'far'"),
    "half a cell": ("-N 1.5", "-N needs a whole number"),
    "not a number": ("-distance nan", "finite"),
    "infinite": ("-lambda inf", "finite"),
    "two of three": ("-misset 1 2", "-misset needs 3 numbers"),
    "no cell": ("-cell -N 5", "-cell needs 1 to 6 numbers"),
}


@pytest.mark.parametrize(("line", "message"), BAD.values(), ids=BAD)
def test_a_line_that_cannot_be_used_is_an_error_that_says_why(line, message):
    with pytest.raises(UsageError, match=message):
        parse(line.split())


@pytest.mark.parametrize("flag", [flag for flag in FLAGS if flag.status == "inert"], ids=lambda f: f.name)
def test_a_flag_that_never_had_an_effect_warns(flag):
    with pytest.warns(FlagWarning, match=f"{flag.name} has no effect"):
        parse([flag.name, *["1"] * flag.args])


def test_our_own_flags_take_a_value_after_an_equals_sign():
    assert given("--dtype=float64") == [("--dtype", ("float64",))]


# the reference program's scan


def test_in_compat_unknown_words_pass_and_numbers_are_read_leniently():
    assert given("--compat -nonsense -N 1e2 -lambda 1.5A -distance far") == [
        ("--compat", ()),
        ("-N", (1.0,)),
        ("-lambda", (1.5,)),
        ("-distance", (0.0,)),
    ]


@pytest.mark.parametrize(
    ("line", "want"),
    [
        ("-twotheta_axis 3 0 0", {("-twotheta", (3.0,)), ("-twotheta_axis", (3.0, 0.0, 0.0))}),
        ("-misset_seed 5 -polar 0", {("-misset", (5.0, 0.0, 0.0)), ("-misset_seed", (5.0,)), ("-polar", (0.0,))}),
        ("-pixelsize 0.2", {("-pixel", (0.2,))}),
        ("-oversample_omega -nonoise", {("-oversample_omega", ()), ("-nonoise", ())}),
        ("-misset random", {("-misset", ("random",))}),
        ("-cell 50 60 -N 3", {("-cell", (50.0, 60.0)), ("-N", (3.0,))}),
        ("-N", set()),
        ("-curved_det", set()),
        ("-curved_det -nopolar", {("-curved_det", ()), ("-nopolar", ())}),
    ],
)
def test_in_compat_a_word_fires_every_flag_that_it_contains(line, want):
    assert set(given("--compat " + line)) == want | {("--compat", ())}


def test_where_the_reference_program_crashes_compat_says_so():
    with pytest.raises(UsageError, match="the reference program crashes"):
        parse(["--compat", "-detector_abs"])


@pytest.mark.parametrize(
    ("text", "number"), [("1e2x", 100.0), ("-.5", -0.5), ("x1", 0.0), ("", 0.0), ("inf", float("inf"))]
)
def test_lenient_numbers_are_those_that_the_text_begins_with(text, number):
    assert lenient_number(text) == number


@pytest.mark.parametrize(("text", "number"), [("1e2", 1.0), ("-7.9", -7.0), ("x", 0.0)])
def test_lenient_whole_numbers_stop_at_the_first_letter(text, number):
    assert lenient_whole(text) == number
