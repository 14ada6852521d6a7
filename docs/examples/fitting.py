"""What the refinement examples share: a likelihood, two optimizers and a picture."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

import gradbragg as gb

Loss = Callable[[], Tensor]


def poisson_loss(expected: Tensor, counted: Tensor) -> Tensor:
    """Minus log likelihood of counted photons per pixel, up to what does not depend on the model."""
    return (expected - counted * torch.log(expected)).mean()


def blurred(image: Tensor, width: float) -> Tensor:
    """The image under a Gaussian of that width in pixels: distant spots feel each other."""
    reach = max(1, round(3 * width))
    x = torch.arange(-reach, reach + 1, dtype=image.dtype)
    profile = torch.exp(-0.5 * (x / width) ** 2)
    profile = profile / profile.sum()
    padded = image[None, None]
    for shape, pad in (((1, 1, 1, -1), (reach, reach, 0, 0)), ((1, 1, -1, 1), (0, 0, reach, reach))):
        padded = torch.nn.functional.conv2d(torch.nn.functional.pad(padded, pad), profile.reshape(shape))
    return padded[0, 0]


def descend(loss: Loss, parameters: Sequence[Tensor], steps: int, rate: float) -> None:
    """Adam, with a rate that falls to a tenth."""
    optimizer = torch.optim.Adam(parameters, lr=rate)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.1 ** (1.0 / steps))
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        schedule.step()


def polish(loss: Loss, parameters: Sequence[Tensor], steps: int) -> None:
    """L-BFGS with a line search."""
    optimizer = torch.optim.LBFGS(
        parameters, lr=1.0, max_iter=steps, line_search_fn="strong_wolfe", tolerance_grad=1e-10, tolerance_change=1e-14
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)


def simulate(crystal: gb.CrystalConfig, detector: gb.DetectorConfig, beam: gb.BeamConfig, run: gb.RunConfig) -> Tensor:
    """The image."""
    return gb.Simulator(gb.Crystal(crystal), gb.Detector(detector), gb.Beam(beam), run).run()


def report(names: Sequence[str], true: Sequence[float], start: Sequence[float], found: Sequence[float]) -> str:
    """A table of what was hidden, where the search began and what it found."""
    lines = [f"{'':14}{'true':>12}{'start':>12}{'found':>12}{'error':>12}"]
    for name, t, s, f in zip(names, true, start, found, strict=True):
        lines.append(f"{name:14}{t:12.4f}{s:12.4f}{f:12.4f}{f - t:12.2e}")
    return "\n".join(lines)


def save_picture(path: Path, counted: Tensor, before: Tensor, after: Tensor) -> None:
    """Observed, before, after; below, the residuals in standard deviations, blue too weak and red too strong."""
    top = float(torch.quantile(counted.flatten(), 0.997))
    row_above = [("observed", _gray(counted, top)), ("before", _gray(before, top)), ("after", _gray(after, top))]
    residuals = [("residual before", before), ("residual after", after)]
    row_below = [(name, _signed((counted - model) / torch.sqrt(model))) for name, model in residuals]
    edge = 4 * (60 if counted.shape[0] < 60 else 64)
    sheet = Image.new("RGB", (3 * edge + 40, 2 * edge + 70), "white")
    draw = ImageDraw.Draw(sheet)
    for row, panels in enumerate((row_above, row_below)):
        for column, (name, pixels) in enumerate(panels):
            x = 10 + (column + row) * (edge + 10)
            y = 25 + row * (edge + 30)
            draw.text((x, y - 16), name, fill="black")
            sheet.paste(Image.fromarray(pixels).resize((edge, edge), Image.Resampling.NEAREST), (x, y))
            draw.rectangle((x - 1, y - 1, x + edge, y + edge), outline="gray")
    draw.text((10, 25 + edge + 40), "residual: (observed - model)/sqrt(model)", fill="black")
    draw.text((10, 25 + edge + 58), "white 0, red +5, blue -5", fill="black")
    sheet.save(path, optimize=True)


def _gray(image: Tensor, top: float) -> np.ndarray:
    level = 255.0 * (1.0 - torch.sqrt((image.detach() / top).clamp(0.0, 1.0)))
    return np.repeat(level.numpy().astype(np.uint8)[..., None], 3, axis=-1)


def _signed(sigmas: Tensor) -> np.ndarray:
    strength = (sigmas.detach() / 5.0).clamp(-1.0, 1.0).numpy()
    fade = (255.0 * (1.0 - np.abs(strength))).astype(np.uint8)
    full = np.full_like(fade, 255)
    return np.stack([np.where(strength >= 0, full, fade), fade, np.where(strength <= 0, full, fade)], axis=-1)


def options(description: str, picture: str) -> argparse.Namespace:
    """The command line of an example."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--small", action="store_true", help="fewer pixels and steps: a few seconds")
    parser.add_argument("--picture", type=Path, default=Path(picture), help="where the picture goes")
    return parser.parse_args()
