"""Compares methods on the scenes of a tutorial: writes its pictures and its tables."""

from __future__ import annotations

import argparse
import importlib
import io
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn import Observations
from napari_latentdyn.core.baselines import Interpolation, assess, describe_method
from napari_latentdyn.core.dynamics.trajectories import trajectories

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "docs" / "data"

#: Methods in the order of the tables and pictures, and their names there.
METHODS = {
    "standard": "ours, standard",
    "quick": "ours, quick",
    "paper": "ours, paper",
    "advection": "advection of the images",
    "dis": "optical flow (DIS)",
    "transport": "optimal transport, exact",
    "dissolve": "cross-dissolve",
}
#: Panels in a row of a picture, and their width in inches.
_COLUMNS, _PANEL = 6, 1.74


@dataclass(frozen=True, eq=False)
class Scene:
    """Two images and, where they are known, the true frames in between.

    Attributes
    ----------
    name : str
        Name of the table and of the picture.
    ends : ndarray of float32, shape (2, C, H, W)
    truth : ndarray of float32, shape (K, C, H, W)
        True frames at evenly spaced times; K may be 0.
    zoom : (int, int, int)
        First row, first column and side of the enlarged square.
    """

    name: str
    ends: NDArray[np.float32]
    truth: NDArray[np.float32]
    zoom: tuple[int, int, int]

    @classmethod
    def from_stack(cls, name: str, stack: NDArray[Any], zoom: tuple[int, int, int]) -> Scene:
        """Take the first and last frame of a grey stack (T, H, W) as the two images."""
        frames = stack.astype(np.float32)[:, None]
        return cls(name, frames[[0, -1]], frames[1:-1], zoom)

    @property
    def times(self) -> NDArray[np.float64]:
        """Times of the frames that each method makes, fractions of the interval."""
        return np.linspace(0, 1, max(3, len(self.truth) + 2))

    @property
    def shown(self) -> int:
        """Index in `times` of the frame in the picture: half way, or the last frame before."""
        return (len(self.times) - 1) // 2


#: Returns the cell of a method in a column that only some scenes have.
Measure = Callable[[Scene, Interpolation], str]


def run(scene: Scene, method: str, folder: Path) -> tuple[Interpolation, float]:
    """Run a method on one thread, or read its earlier result.

    Returns the frames and the field at the times of the scene, and the seconds of processor time.
    """
    path = folder / f"{scene.name}-{method}.npz"
    if not path.exists():
        info = describe_method(method, lambda s: s.updated({"training.threads": 1}))
        info.require()
        for module in ("torch", *info.modules):  # Imports do not count as time of the method.
            importlib.import_module(module)
        pair = Observations.from_arrays(*scene.ends, channel_axis=0)
        started = time.process_time()
        made = info.method(pair, scene.times, should_stop=lambda: False, on_progress=lambda _: None)
        arrays: dict[str, Any] = {"frames": made.frames, "seconds": time.process_time() - started}
        if made.velocity is not None:
            arrays["velocity"] = made.velocity
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path.with_suffix(".part.npz"), **arrays)
        path.with_suffix(".part.npz").replace(path)
    with np.load(path) as stored:
        return Interpolation(stored["frames"], stored.get("velocity")), float(stored["seconds"])


def compare(
    scene: Scene, wanted: argparse.Namespace, extra: Mapping[str, Measure] | None = None
) -> None:
    """Run the methods, write their table into a page and draw their picture.

    Parameters
    ----------
    scene : Scene
        The two images. The table of its name stands in the page between the lines
        `<!-- table: NAME -->` and `<!-- /table -->`.
    wanted : Namespace
        The command line, see `options`.
    extra : mapping of str to callable, optional
        Columns of this scene alone.
    """
    extra = extra or {}
    pair = Observations.from_arrays(*scene.ends, channel_axis=0)
    results: dict[str, Interpolation] = {}
    rows: list[dict[str, str]] = []
    for method in wanted.methods:
        made, seconds = run(scene, method, wanted.results)
        results[method] = made
        judged = assess(pair, made, scene.times, truth=scene.truth)
        if len(scene.truth):
            columns = {
                "PSNR (dB)": cell(judged.mean("psnr"), 1),
                "SSIM": cell(judged.mean("ssim"), 3),
                "gradient RMSE": cell(judged.mean("gradient_error"), 4),
            }
        else:
            columns = {
                "end error (%)": cell(judged.end_error, 1, 100),
                "half-way error (%)": cell(judged.consistency_error, 1, 100),
            }
        columns |= {title: measure(scene, made) for title, measure in extra.items()}
        rows.append({"method": METHODS[method], **columns, "seconds": cell(seconds, 1)})
        print(scene.name, *rows[-1].values(), sep=" | ", flush=True)
    true = Interpolation(np.concatenate([scene.ends[:1], scene.truth, scene.ends[1:]]))
    known = {title: measure(scene, true) for title, measure in extra.items()}
    if len(scene.truth) and any(known.values()):
        rows.insert(0, dict.fromkeys(rows[0], "") | {"method": "*truth*"} | known)
    write_table(wanted.page, scene.name, rows)
    draw(scene, results, wanted.images / f"{scene.name}.webp")


def cell(value: float | None, digits: int, factor: float = 1.0) -> str:
    """Return a number for a table; a missing value is empty."""
    return "" if value is None else f"{factor * value:.{digits}f}"


def write_table(page: Path, name: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Replace the table of a name in a page of Markdown by rows of cells by title."""
    rules = ["---", *["---:"] * (len(rows[0]) - 1)]
    lines = [list(rows[0]), rules, *(list(row.values()) for row in rows)]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    between = re.compile(rf"(<!-- table: {name} -->).*?(<!-- /table -->)", re.DOTALL)
    text, count = between.subn(
        lambda m: f"{m[1]}\n\n{table}\n\n{m[2]}", page.read_text(encoding="utf-8")
    )
    if count != 1:
        raise ValueError(f"{page} must have one table '{name}'; got {count}")
    page.write_text(text, encoding="utf-8")


def draw(scene: Scene, results: Mapping[str, Interpolation], path: Path) -> None:
    """Draw both images, the truth, paths of points and the methods, whole and enlarged."""
    from matplotlib.figure import Figure
    from PIL import Image

    shown, paths = scene.shown, "paths of points"
    panels: dict[str, NDArray[Any]] = {"first image, time 0": scene.ends[0]}
    if len(scene.truth):
        panels[f"truth, time {scene.times[shown]:g}"] = scene.truth[shown - 1]
    panels["last image, time 1"] = scene.ends[1]
    low, high = np.percentile(scene.ends, [0.2, 99.8])
    fields = {m: r.velocity for m, r in results.items() if r.velocity is not None}
    followed = next(iter(fields), None)
    if followed is not None:
        paths = f"paths of points, {followed}"
        panels[paths] = 0.5 * scene.ends[0] + 0.5 * (low + 1.1 * (high - low))
    panels |= {METHODS[method]: made.frames[shown] for method, made in results.items()}

    rows = -(-len(panels) // _COLUMNS)
    height, width = scene.ends.shape[-2:]
    # Inches: the label, the whole image and the enlarged square of each panel.
    heights = (0.22, _PANEL * height / width, _PANEL + 0.06)
    figure = Figure(figsize=(_COLUMNS * _PANEL, rows * sum(heights)), dpi=100)
    grid = figure.add_gridspec(
        3 * rows, _COLUMNS, height_ratios=heights * rows, hspace=0, wspace=0.04
    )
    figure.subplots_adjust(0, 0, 1, 1)
    row, column, side = scene.zoom
    for index, (label, image) in enumerate(panels.items()):
        whole, enlarged = (
            figure.add_subplot(grid[3 * (index // _COLUMNS) + below, index % _COLUMNS])
            for below in (1, 2)
        )
        whole.set_title(label, fontsize=9, pad=3)
        values = np.moveaxis(np.clip((image - low) / (high - low), 0, 1), 0, -1)
        for axis in (whole, enlarged):
            axis.imshow(values, cmap="gray", vmin=0, vmax=1)
            axis.set_axis_off()
            if label == paths:
                points = np.mgrid[8:height:16, 8:width:16].reshape(2, -1).T
                ways = trajectories(fields[followed], points, np.linspace(0, 1, 17))
                axis.plot(*np.moveaxis(ways, -1, 0)[::-1].swapaxes(1, 2), color="#c2410c", lw=1)
                axis.plot(*ways[:, -1, ::-1].T, ".", color="#c2410c", ms=2.5)
        whole.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        enlarged.set(xlim=(column - 0.5, column + side - 0.5), ylim=(row + side - 0.5, row - 0.5))
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(drawn).convert("RGB").save(path, quality=80, method=6)


def options(tutorial: str) -> argparse.Namespace:
    """Read the command line of an example; `page` and `images` are those of the tutorial."""
    parser = argparse.ArgumentParser(description=f"Writes pictures and tables of {tutorial}.")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "build" / "examples", help="keeps what methods made"
    )
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    wanted = parser.parse_args()
    wanted.page = wanted.docs / "tutorials" / f"{tutorial}.md"
    wanted.images = wanted.docs / "images" / "tutorials"
    return wanted
