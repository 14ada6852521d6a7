"""`path.svg`: the way from a parameter to the loss, with the break marked."""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from gradtriage.evidence.junit import xml_text
from gradtriage.model.diagnosis import DiagnosisDocument, PathStep
from gradtriage.triage.wording import one_line

_WIDTH, _ROW, _BOX, _TOP = 760, 58, 40, 16
_MOST_AROUND = 4
_ALIVE, _DEAD, _BREAK = "#1f883d", "#8c959f", "#cf222e"
_STYLE = (
    "text{font:13px ui-monospace,'DejaVu Sans Mono',monospace;fill:#1f2328}"
    ".place{fill:#59636e;font-size:11px}.break{fill:#cf222e;font-weight:bold}"
)


def path_picture(diagnosis: DiagnosisDocument) -> str | None:
    """The picture as SVG; None where there is no way to show.

    Between the parameter and the break the gradient should have come through and did not (grey); from the break to the
    loss it did (green).
    """
    if not diagnosis.path or not diagnosis.causes:
        return None
    cause = diagnosis.causes[0]
    names = ", ".join(cause.parameters[:4]) + (" ..." if len(cause.parameters) > 4 else "")
    rows = [("end", names, ""), *_rows(diagnosis.path), ("end", "loss", "")]
    height = _TOP * 2 + _ROW * (len(rows) - 1) + _BOX
    body = [line for index, row in enumerate(rows) for line in _drawn(index, row, rows, cause.kind)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}">'
    )
    return "\n".join(
        [head, f"<style>{_STYLE}</style>", '<rect width="100%" height="100%" fill="white"/>', *body, "</svg>", ""]
    )


_Row = tuple[str, str, str]


def _rows(path: Sequence[PathStep]) -> Iterator[_Row]:
    """The steps around the break; what is further away is counted."""
    at = next((index for index, step in enumerate(path) if step.broken), 0)
    first, last = max(0, at - _MOST_AROUND), min(len(path), at + _MOST_AROUND + 1)
    if first:
        yield "gap", f"{first} more operations", ""
    for step in path[first:last]:
        yield "break" if step.broken else "step", f"{step.op}:  {step.source}", f"{step.file}:{step.line}"
    if last < len(path):
        yield "gap", f"{len(path) - last} more operations", ""


def _drawn(index: int, row: _Row, rows: Sequence[_Row], kind: str) -> Iterator[str]:
    what, text, place = row
    y = _TOP + index * _ROW
    broken_at = next(i for i, (w, _, _) in enumerate(rows) if w == "break")
    colour = _BREAK if what == "break" else _DEAD if index < broken_at else _ALIVE
    width = 3 if what == "break" else 1.5
    dash = ' stroke-dasharray="5 4"' if index < broken_at else ""
    if what != "gap":
        box = f'x="20" y="{y}" width="{_WIDTH - 40}" height="{_BOX}" rx="6" fill="white"'
        yield f'<rect {box} stroke="{colour}" stroke-width="{width}"{dash}/>'
    yield f'<text x="34" y="{y + 18}">{escape(_cut(text, 84))}</text>'
    if place:
        yield f'<text class="place" x="34" y="{y + 33}">{escape(_cut(place, 96))}</text>'
    if what == "break":
        yield f'<text class="break" x="{_WIDTH - 34}" y="{y + 33}" text-anchor="end">✂ {escape(kind)}</text>'
    if index + 1 < len(rows):
        line = _DEAD if index < broken_at else _ALIVE
        yield f'<line x1="60" y1="{y + _BOX}" x2="60" y2="{y + _ROW}" stroke="{line}" stroke-width="1.5"/>'


def _cut(text: str, most: int) -> str:
    text = xml_text(one_line(text))
    return text if len(text) <= most else text[: most - 1] + "…"
