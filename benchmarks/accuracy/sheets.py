"""One picture per case: the truth, ours, the best rival, and where they err."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from benchmarks.accuracy.methods import MAIN_PRESET, METHODS, label_of
from benchmarks.accuracy.results import Results
from benchmarks.accuracy.runs import case_file, frames_file

__all__ = ["draw_sheets"]


def draw_sheets(results: Results, out: Path) -> list[Path]:
    """Draw a sheet of every case whose frames are kept.

    Parameters
    ----------
    results : Results
        The scores.
    out : Path
        Folder with `cases` and `frames`; the sheets go into `sheets`.

    Returns
    -------
    list of Path
        The pictures.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    folder = out / "sheets"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for case in [*results.cases("data"), *results.cases("generated")]:
        shown = [name for name in (MAIN_PRESET, _best_run(results, out, case)) if name]
        shown = [name for name in shown if frames_file(out, case, METHODS[name]).exists()]
        if shown and case_file(out, case).exists():
            drawn.append(_draw(results, out, case, shown, folder / f"{case}.png"))
    return drawn


def _best_run(results: Results, out: Path, case: str) -> str | None:
    """Return the rival with the best PSNR among those whose frames are kept."""
    scored = {
        name: value
        for name in results.rivals([case])
        if name in METHODS
        and not results.was_taken_over(case, name)
        and (value := results.value(case, name, "psnr")) is not None
        and frames_file(out, case, METHODS[name]).exists()
    }
    return max(scored, key=scored.__getitem__, default=None)


def _draw(results: Results, out: Path, case: str, shown: list[str], path: Path) -> Path:
    import matplotlib.pyplot as plt

    with np.load(case_file(out, case)) as arrays:
        truth, times = arrays["truth"], arrays["times"]
    middle = int(np.argmin(np.abs(times - 0.5)))
    true = truth[middle]
    frames = [
        np.clip(np.load(frames_file(out, case, METHODS[name]))[middle], 0, 1) for name in shown
    ]
    errors = [np.abs(frame - true) for frame in frames]
    low, high = np.percentile(true, [0.2, 99.8])
    largest = max(float(np.percentile(errors, 99.5)), 1e-6)
    images = [(f"truth at {times[middle]:.2f}", true, "gray", (low, high))]
    for name, frame in zip(shown, frames, strict=True):
        scores = [results.value(case, name, key) or 0.0 for key in ("psnr", "ssim")]
        title = f"{label_of(name)}: {scores[0]:.2f} dB, {scores[1]:.3f}"
        images.append((title, frame, "gray", (low, high)))
    for name, error in zip(shown, errors, strict=True):
        images.append((f"error of {label_of(name)}", error, "magma", (0, largest)))
    figure, axes = plt.subplots(1, len(images), figsize=(3.4 * len(images), 3.8))
    for axis, (title, image, colours, limits) in zip(axes, images, strict=True):
        axis.imshow(image, cmap=colours, vmin=limits[0], vmax=limits[1])
        axis.set_title(title, fontsize=8)
        axis.axis("off")
    figure.suptitle(case.replace("_", " "), fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return path
