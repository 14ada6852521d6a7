"""A page to look at an image: its spots, its resolution rings, its header."""

from __future__ import annotations

import base64
import html
import io
import json
from typing import TYPE_CHECKING

from PIL import Image

from gradbragg.io.png import gray_levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from gradbragg.models.image_header import ImageHeader
    from gradbragg.simulation.annotations import Ring, Spot

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 76rem; padding: 0 1rem; color: #1b1f24;
  background: #fafbfc; }
main { display: grid; grid-template-columns: minmax(0, 3fr) minmax(16rem, 1fr); gap: 1.5rem; align-items: start; }
@media (max-width: 50rem) { main { grid-template-columns: 1fr; } }
svg { width: 100%; height: auto; border: 1px solid #c9d1d9; background: white; }
h1 { font-size: 1.25rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
.note { color: #57606a; margin: 0 0 1rem; }
.remark { border-left: 4px solid #c2410c; background: #fff1e8; padding: .5rem .8rem; margin: 0 0 1rem; }
label { display: inline-flex; gap: .4rem; align-items: center; margin-right: 1.2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .15rem .5rem; border-bottom: 1px solid #e1e4e8; }
th:first-child, td:first-child { text-align: left; }
.scroll { max-height: 26rem; overflow: hidden auto; border: 1px solid #e1e4e8; background: white; }
.scroll th { position: sticky; top: 0; background: #f0f3f6; }
.ring { fill: none; stroke: #0b66c3; stroke-width: 1; vector-effect: non-scaling-stroke; }
.ring-label { fill: #0b66c3; paint-order: stroke; stroke: white; }
.spot { fill: none; stroke: #c2410c; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.beam { stroke: #0b66c3; stroke-width: 1; vector-effect: non-scaling-stroke; }
.hidden { display: none; }
"""

_SCRIPT = """
for (const box of document.querySelectorAll('input[data-layer]'))
  box.addEventListener('change', () =>
    document.getElementById(box.dataset.layer).classList.toggle('hidden', !box.checked));
for (const row of document.querySelectorAll('tr[data-spot]')) {
  const circle = document.getElementById('spot-' + row.dataset.spot);
  row.addEventListener('mouseenter', () => circle.style.strokeWidth = '4');
  row.addEventListener('mouseleave', () => circle.style.strokeWidth = '');
}
"""


def image_page(
    title: str,
    image: np.ndarray,
    header: ImageHeader,
    spots: Sequence[Spot],
    rings: Sequence[Ring],
    offset: float = 0.0,
) -> str:
    """An HTML page that needs no other file and no network.

    Args:
        title: Of the page, the file's name.
        image: ``(slow, fast)``.
        header: Geometry.
        spots: To mark, brightest first.
        rings: To draw.
        offset: Of the counts; what is shown white.
    """
    slow, fast = image.shape
    size = max(fast, slow)
    facts = (
        ("size", f"{fast} x {slow} pixels of {header.pixel_mm:.5g} mm"),
        ("wavelength", f"{header.wavelength_angstrom:.6g} A"),
        ("distance", f"{header.distance_mm:.6g} mm"),
        ("beam centre", f"fast {header.spot_mm[0]:.5g} mm, slow {header.spot_mm[1]:.5g} mm"),
        ("brightest pixel", f"{image.max():.6g}"),
        ("sum", f"{image.astype(float).sum():.6g}"),
    )
    fact_rows = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in facts)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{html.escape(title)}</h1>
<p class="note">Dark is bright; square-root scale. {_found(len(spots))}</p>
{_remark(header)}
<main><div>
<p><label><input type="checkbox" data-layer="rings" checked> resolution rings</label>
<label><input type="checkbox" data-layer="spots" checked> spots</label></p>
<svg viewBox="0 0 {fast} {slow}" role="img" aria-label="diffraction image">
<image href="{_embedded(image - offset)}" width="{fast}" height="{slow}" style="image-rendering: pixelated"/>
<g id="rings">{"".join(_ring(ring, size, image.shape) for ring in rings)}{_cross(header, size)}</g>
<g id="spots">{"".join(_circle(n, spot, size) for n, spot in enumerate(spots))}</g>
</svg></div>
<div><table>{fact_rows}</table>
<h2 style="font-size:1rem">Spots</h2>
<div class="scroll"><table><thead><tr><th>fast</th><th>slow</th><th>peak</th><th>d [A]</th></tr></thead>
<tbody>{"".join(_row(n, spot) for n, spot in enumerate(spots))}</tbody></table></div></div>
</main><script type="application/json" id="rings-data">{json.dumps([round(ring.d, 4) for ring in rings])}</script>
<script>{_SCRIPT}</script></body></html>
"""


def _found(spots: int) -> str:
    return f"The {spots} brightest spots are marked." if spots else "No spots were found."


def _remark(header: ImageHeader) -> str:
    """What the image's metadata remark, if anything."""
    return "" if header.note is None else f'<p class="remark">{html.escape(header.note)}</p>'


def _embedded(image: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(gray_levels(image)).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _ring(ring: Ring, size: int, shape: tuple[int, ...]) -> str:
    points = " ".join(f"{x + 0.5:.2f},{y + 0.5:.2f}" for x, y in ring.points)
    margin = 0.02 * size
    inside = [
        (x, y) for x, y in ring.points if margin < x < shape[1] - 5 * margin and 2 * margin < y < shape[0] - margin
    ]
    text = ""
    if inside:
        x, y = min(inside, key=lambda point: point[1])
        text = (
            f'<text class="ring-label" x="{x + 0.5:.2f}" y="{y + 0.5:.2f}" font-size="{0.022 * size:.3f}" '
            f'stroke-width="{0.005 * size:.3f}">{ring.d:.3g} A</text>'
        )
    return f'<polyline class="ring" points="{points}"/>{text}'


def _cross(header: ImageHeader, size: int) -> str:
    x, y, arm = header.spot_mm[0] / header.pixel_mm, header.spot_mm[1] / header.pixel_mm, 0.012 * size
    return (
        f'<path class="beam" d="M{x - arm:.2f} {y:.2f}H{x + arm:.2f}M{x:.2f} {y - arm:.2f}V{y + arm:.2f}">'
        "<title>direct beam</title></path>"
    )


def _circle(number: int, spot: Spot, size: int) -> str:
    return (
        f'<circle class="spot" id="spot-{number}" cx="{spot.fast + 0.5:.2f}" cy="{spot.slow + 0.5:.2f}" '
        f'r="{max(2.0, 0.008 * size):.2f}"><title>fast {spot.fast:.1f}, slow {spot.slow:.1f}, peak {spot.peak:.6g}, '
        f"d {spot.d:.4g} A</title></circle>"
    )


def _row(number: int, spot: Spot) -> str:
    return (
        f'<tr data-spot="{number}"><td>{spot.fast:.1f}</td><td>{spot.slow:.1f}</td>'
        f"<td>{spot.peak:.6g}</td><td>{spot.d:.4g}</td></tr>"
    )
