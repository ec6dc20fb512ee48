"""Pieces of the photographs that scikit-image ships inside its wheel."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import skimage
import torch
import torch.nn.functional as F
from skimage import color, io
from torch import Tensor

from training.scenes.draws import FINE, Canvas, Draws

NAMES = (
    "brick.png",
    "camera.png",
    "cell.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "page.png",
    "retina.jpg",
)


@lru_cache(maxsize=1)
def available() -> tuple[Path, ...]:
    """Return the files that this version of scikit-image ships."""
    folder = Path(skimage.__file__).parent / "data"
    return tuple(folder / name for name in NAMES if (folder / name).is_file())


@cache
def pyramid(path: Path) -> tuple[Tensor, ...]:
    """Read a photograph as grey values in [0, 1], at full, half, quarter and eighth size."""
    image = np.asarray(io.imread(path))
    grey = color.rgb2gray(image[..., :3]) if image.ndim == 3 else image / 255
    values = torch.from_numpy(np.ascontiguousarray(grey, dtype=np.float32))
    low, high = np.percentile(grey, [0.5, 99.5])
    levels = [((values - float(low)) / float(high - low)).clamp(0, 1)]
    for _ in range(3):
        levels.append(F.avg_pool2d(levels[-1][None], 2)[0])
    return tuple(levels)


def crop(canvas: Canvas, draws: Draws) -> Tensor:
    """Cut a piece of any place, direction, handedness and scale; beyond its edge it mirrors."""
    files = available()
    if not files:
        return 0.5 + 0.0 * canvas.positions()[0]
    levels = pyramid(draws.pick(files))
    # Photographs of 200 to 1400 pixels are enlarged at most twice, and rarely mirror.
    most = max(0.6, min(4.0, 1.2 * min(levels[0].shape) / max(canvas.shape)))
    scale = draws.log_uniform(0.5, most)
    level = min(max(round(math.log2(scale)), 0), len(levels) - 1)
    image = levels[level]
    zoom = scale / 2**level
    angle = draws.uniform(0, 2 * math.pi)
    mirror = -1.0 if draws.chance(0.5) else 1.0
    c, s = zoom * math.cos(angle), zoom * math.sin(angle)
    rows, columns = image.shape
    free = [max(0.0, n - zoom * m) / 2 for n, m in zip(image.shape, canvas.shape, strict=True)]
    middle = [
        (n - 1) / 2 + draws.uniform(-1, 1) * slack
        for n, slack in zip(image.shape, free, strict=True)
    ]
    y = torch.arange(canvas.fine[0])[:, None] / FINE - canvas.shape[0] / 2
    x = mirror * (torch.arange(canvas.fine[1])[None] / FINE - canvas.shape[1] / 2)
    source_y = middle[0] + c * y + s * x
    source_x = middle[1] - s * y + c * x
    grid = torch.stack([source_x * (2 / (columns - 1)) - 1, source_y * (2 / (rows - 1)) - 1], -1)
    found = F.grid_sample(
        image[None, None],
        grid[None],
        mode="bicubic",
        padding_mode="reflection",
        align_corners=True,
    )
    return found[0, 0].clamp(0, 1)
