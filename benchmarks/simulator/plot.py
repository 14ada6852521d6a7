"""A plot of cost against steps on logarithmic axes; a straight line of slope 1 is a linear cost."""

import math
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, LEFT, BOTTOM, MARGIN = 900, 620, 110, 80, 40
COLOURS = ("#0b5fa5", "#c1440e", "#3a7d44", "#6a3d9a")


def draw(series: dict[str, list[tuple[float, float]]], path: Path) -> None:
    """Draws seconds against steps.

    Args:
        series: Points (steps, processor seconds) by name.
        path: The PNG file.
    """
    points = [point for one in series.values() for point in one]
    low = [math.floor(math.log10(min(values))) for values in zip(*points, strict=True)]
    high = [math.ceil(math.log10(max(values))) for values in zip(*points, strict=True)]
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(18)

    def place(steps: float, seconds: float) -> tuple[float, float]:
        x = (math.log10(steps) - low[0]) / (high[0] - low[0])
        y = (math.log10(seconds) - low[1]) / (high[1] - low[1])
        return LEFT + x * (WIDTH - LEFT - MARGIN), HEIGHT - BOTTOM - y * (HEIGHT - BOTTOM - MARGIN)

    for decade in range(low[0], high[0] + 1):
        pen.line([place(10.0**decade, 10.0 ** low[1]), place(10.0**decade, 10.0 ** high[1])], "#dddddd")
        x, y = place(10.0**decade, 10.0 ** low[1])
        pen.text((x, y + 8), f"1e{decade}", "black", font, anchor="ma")
    for decade in range(low[1], high[1] + 1):
        pen.line([place(10.0 ** low[0], 10.0**decade), place(10.0 ** high[0], 10.0**decade)], "#dddddd")
        x, y = place(10.0 ** low[0], 10.0**decade)
        pen.text((x - 10, y), f"{10.0**decade:g}", "black", font, anchor="rm")
    pen.text(
        ((LEFT + WIDTH) / 2, HEIGHT - 14), "steps (pixel x subpixel x source x orientation)", "black", font, anchor="ms"
    )

    pen.text((LEFT, MARGIN - 14), "processor seconds; lines: proportional to the steps", "black", font, anchor="ls")
    for number, ((name, one), colour) in enumerate(zip(series.items(), COLOURS, strict=False)):
        steps, took = one[-1]
        first = max(low[0], math.log10(steps * 10.0 ** low[1] / took))
        pen.line([place(10.0**first, took * 10.0**first / steps), place(steps, took)], colour, 1)
        for point in one:
            x, y = place(*point)
            pen.ellipse((x - 5, y - 5, x + 5, y + 5), colour)
        pen.ellipse((LEFT + 18, 52 + 26 * number, LEFT + 28, 62 + 26 * number), colour)
        text = f"{name}, {took / steps * 1e9:.2g} ns a step at the end"
        pen.text((LEFT + 38, 48 + 26 * number), text, "black", font)
    picture.save(path)
