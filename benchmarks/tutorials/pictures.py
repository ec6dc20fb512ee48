"""Contact sheets and enlarged details: truth and all methods side by side."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from benchmarks.tutorials.cases import METHODS, Case
from benchmarks.tutorials.runs import Made
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["contact_sheet", "save", "show", "zoom_sheet"]

#: Methods of the contact sheet; the others are in the enlarged details.
_SHEET = (
    "standard",
    "advection",
    "dis",
    "advection-paper",
    "transport",
    "paper",
    "transport-entropic",
    "dissolve",
)
_SHORT = {"standard": "ours", "advection": "advection", "dis": "optical flow"}
_DPI = 100
_CELL, _LABEL, _GAP = 1.68, 0.25, 0.06


def contact_sheet(case: Case, made: dict[str, Made], path: Path) -> None:
    """Draw both images, the truth where there is one, and the methods at three times."""
    import matplotlib.pyplot as plt

    rows = len(_SHEET) // 2 + 1
    height, width = case.frames.shape[-2:]
    cell = _CELL * height / width
    size = (6 * _CELL + 0.2, rows * (cell + _LABEL) + 0.06)
    figure = plt.figure(figsize=size, dpi=_DPI)

    def place(
        row: int, column: int, image: Any, label: str = "", time: float | None = None
    ) -> Axes:
        left = 0.04 + column * _CELL + (0.18 if column > 2 else 0)
        bottom = size[1] - (row + 1) * (cell + _LABEL)
        axis = figure.add_axes(
            (left / size[0], bottom / size[1], (_CELL - _GAP) / size[0], (cell - _GAP) / size[1])
        )
        show(axis, image, _limits(case), smooth=True)
        axis.set_title(label, fontsize=10, loc="left", pad=3)
        if time is not None:
            box = {"facecolor": "black", "alpha": 0.65, "pad": 1.5, "lw": 0}
            where = {"transform": axis.transAxes, "ha": "left", "va": "bottom"}
            axis.text(0.03, 0.035, f"{time:g}", color="white", fontsize=8, bbox=box, **where)
        return axis

    place(0, 0, case.frames[0], "first image", 0.0)
    place(0, 4 if case.has_truth else 1, case.frames[-1], "last image", 1.0)
    for column, time in enumerate(case.shown if case.has_truth else ()):
        place(0, column + 1, case.truth(time), "truth", time)
    arrows = {5: "standard"} if case.has_truth else {3: "standard", 4: "advection", 5: "dis"}
    for column, method in arrows.items():
        axis = place(0, column, _pale(case), f"motion, {_SHORT[method]}")
        _draw_arrows(axis, made[method].velocity)
    for number, method in enumerate(_SHEET):
        for column, time in enumerate(case.shown):
            label = METHODS[method] if column == 0 else ""
            image = made[method].at(case, time)
            place(1 + number // 2, column + 3 * (number % 2), image, label, time)
    save(figure, path)


def zoom_sheet(case: Case, made: dict[str, Made], path: Path) -> None:
    """Draw one place enlarged: both images, the truth, and all methods."""
    import matplotlib.pyplot as plt

    time, row, column, side = case.zoom
    window = (..., slice(row, row + side), slice(column, column + side))
    panels: list[tuple[str, Any]] = [("first image", case.frames[0])]
    truth = case.truth(time)
    if truth is not None:
        panels.append((f"truth at {time:g}", truth))
    panels += [(METHODS[name], result.at(case, time)) for name, result in made.items()]
    # The images stand at both ends; without a truth between them, both at the beginning.
    panels.insert(len(panels) if truth is not None else 1, ("last image", case.frames[-1]))
    figure, axes = plt.subplots(2, 6, figsize=(10.4, 3.95), dpi=_DPI)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (label, image) in zip(axes.flat, panels, strict=False):
        show(axis, image[window], _limits(case))
        axis.set_title(label, fontsize=9, pad=3)
    figure.subplots_adjust(0.005, 0.005, 0.995, 0.94, wspace=0.04, hspace=0.14)
    save(figure, path)


def show(
    axis: Axes, image: NDArray[np.float32], limits: tuple[float, float], smooth: bool = False
) -> None:
    """Show a frame (C, H, W), grey or in colours; smoothly where it is made smaller."""
    low, high = limits
    kernel = "antialiased" if smooth else "nearest"
    shown = np.clip((image - low) / (high - low), 0, 1)
    shown = shown[0] if len(shown) == 1 else np.moveaxis(shown, 0, -1)
    axis.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation=kernel)
    axis.axis("off")


def save(figure: Figure, path: Path) -> None:
    """Save a picture as WebP, small enough for a page."""
    import matplotlib.pyplot as plt
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", facecolor="white")
    plt.close(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(drawn).convert("RGB").save(path, quality=82, method=6)


def _limits(case: Case) -> tuple[float, float]:
    low, high = np.percentile(case.frames[[0, -1]], [0.2, 99.8])
    return float(low), float(high)


def _pale(case: Case) -> NDArray[np.float32]:
    """Return the first image as a light background, (C, H, W)."""
    low, high = _limits(case)
    pale: NDArray[np.float32] = 0.5 * case.frames[0] + 0.5 * (low + 1.1 * (high - low))
    return pale


def _draw_arrows(axis: Axes, velocity: NDArray[np.float32] | None) -> None:
    """Draw the mean field as arrows, which are as long as the way in the interval."""
    if velocity is None:
        return
    height, width = velocity.shape[2:]
    rows, columns = np.mgrid[12:height:22, 12:width:22]
    down, right = velocity.sum(axis=0)[:, rows, columns]
    style: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.011}
    axis.quiver(columns, rows, right, down, color="#c2410c", **style)
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
