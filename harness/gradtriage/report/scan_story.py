"""A scan told to a person: which checks prove nothing, which miss much, what could not be tried."""

from collections.abc import Callable, Iterator

from gradtriage.model.scan import Check, ScanDocument, ScanSummary

MOST_PLACES = 20
MOST_NAMES = 4
_NOISE = "noise"

# a check with the node id of its test
Found = tuple[str, Check]


def scan_story(document: ScanDocument) -> Iterator[str]:
    """The lines for the terminal; checks of one line of code are told together."""
    summary = document.summary
    checks = [(test.nodeid, check) for test in document.tests for check in test.checks]
    yield _headline(summary)
    vacuous = [one for one in checks if one[1].vacuous]
    yield from _by_reason("✗", vacuous)
    missing = [one for one in checks if one[1].judged and not one[1].vacuous and _missed(one[1])]
    yield from _section("· does not notice gradients", missing, lambda check: ", ".join(_missed(check)))
    yield from _by_reason("?", [one for one in checks if not one[1].judged])
    yield from _uncovered(summary)
    yield from _strength(summary)


def _headline(summary: ScanSummary) -> str:
    broken = ", ".join(f"{number} {name}" for name, number in summary.outcomes.items() if name != "passed")
    tests = _count(summary.tests, "test") + (f" ({broken})" if broken else "")
    verb = "proves" if summary.vacuous_checks == 1 else "prove"
    return (
        f"{tests}, {summary.gradient_tests} compute gradients, in {_count(summary.checks, 'check')}; "
        f"{_count(summary.vacuous_checks, 'check')} {verb} nothing"
    )


def _missed(check: Check) -> list[str]:
    return [name for name, noticed in check.noticed.items() if noticed is False and name != _NOISE]


def _by_reason(mark: str, found: list[Found]) -> Iterator[str]:
    for reason in dict.fromkeys(check.reason or "" for _, check in found):
        yield from _section(f"{mark} {reason}", [one for one in found if (one[1].reason or "") == reason])


def _section(title: str, found: list[Found], note_of: Callable[[Check], str] = lambda _: "") -> Iterator[str]:
    """A heading, and below it each place with the tests that check there."""
    places: dict[tuple[str, int, str, str], list[Found]] = {}
    for nodeid, check in found:
        place = check.where.file, check.where.line, check.kind, note_of(check)
        places.setdefault(place, []).append((nodeid, check))
    if places:
        yield f"  {title}: {_count(len(found), 'check')}"
    for (file, line, kind, note), together in list(places.items())[:MOST_PLACES]:
        tests = _some([_short(nodeid, file) for nodeid, _ in together])
        names = _some(list(dict.fromkeys(name for _, check in together for name in check.parameters)))
        yield f"      {file}:{line} {kind} of {names} in {tests}" + (f": {note}" if note else "")
    if len(places) > MOST_PLACES:
        yield f"      and {len(places) - MOST_PLACES} more places, see scan.json"


def _short(nodeid: str, file: str) -> str:
    """A test's name within its file; with the file where the check is made in another one."""
    return nodeid.removeprefix(f"{file}::")


def _uncovered(summary: ScanSummary) -> Iterator[str]:
    files: dict[str, list[str]] = {}
    for entry in summary.uncovered:
        file, _, name = entry.partition("::")
        files.setdefault(file, []).append(name)
    if files:
        yield f"  parameters that no check proves anything about: {len(summary.uncovered)}"
    for file, names in list(files.items())[:MOST_PLACES]:
        yield f"      {file}: {_some(names, 2 * MOST_NAMES)}"
    if len(files) > MOST_PLACES:
        yield f"      and in {len(files) - MOST_PLACES} more files, see scan.json"


def _strength(summary: ScanSummary) -> Iterator[str]:
    if summary.strength is not None:
        each = ", ".join(f"{name} {share:.0%}" for name, share in summary.noticed.items())
        yield f"  strength: {summary.strength:.0%} of the corruptions are noticed ({each})"


def _some(names: list[str], most: int = MOST_NAMES) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
