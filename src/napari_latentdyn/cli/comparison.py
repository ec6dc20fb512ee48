"""The folder of a comparison: frames, fields, error maps, tables and a plot."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.cli.errors import OutputError
from napari_latentdyn.cli.plot import SCORES, plot_over_time
from napari_latentdyn.cli.runs import report_of
from napari_latentdyn.core.baselines import Assessment, Interpolation, MethodInfo
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images import ImageFile
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.ometiff import write_ome_tiff
from napari_latentdyn.core.runfolder.report import plain_json
from napari_latentdyn.files.atomic import replace_folder, write_text
from napari_latentdyn.settings.text import read_json

__all__ = ["Comparison", "Result", "is_comparison", "table", "write_comparison"]

_REPORT, _TABLE, _PLOT = "comparison.json", "comparison.md", "comparison.png"
_SUFFIXES = (".ome.tif", "_fields.npz", "_error.ome.tif")
_OWN = (
    ("end_error", "end error (%)"),
    ("consistency_error", "half-way error (%)"),
    ("conservation_error", "intensity off (%)"),
)


@dataclass(frozen=True)
class Result:
    """Output of a method, its run time in seconds and its scores."""

    info: MethodInfo
    seconds: float
    made: Interpolation
    assessment: Assessment


@dataclass(frozen=True)
class Comparison:
    """Results of all methods, with their images and times.

    `times` are fractions of the interval; `truth` names the file of true frames; `failed` has the
    reason by the name of each method that made nothing.
    """

    observations: Observations
    files: tuple[ImageFile, ImageFile]
    truth: str | None
    times: NDArray[np.float64]
    results: list[Result] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    complete: bool = True


def write_comparison(target: Path, comparison: Comparison, note: Callable[[str], None]) -> None:
    """Write the folder whole or not at all; files of an earlier comparison go, others stay.

    `note` tells the user about missing parts.
    """
    from napari_latentdyn import __version__

    results, files = comparison.results, comparison.files
    ours = {r.info.name + suffix for r in results for suffix in _SUFFIXES}
    ours |= {_REPORT, _TABLE, _PLOT, *_written_by(target)}
    with replace_folder(target, ours, OutputError, "the comparison") as to:
        for result in results:
            name, velocity = result.info.name, result.made.velocity
            _write_stack(to.path(f"{name}.ome.tif"), result.made.frames, comparison)
            if velocity is not None:
                np.savez_compressed(
                    to.path(f"{name}_fields.npz"),
                    velocity=velocity,
                    times=np.arange(len(velocity)) / len(velocity),
                )
            if len(result.assessment.errors):
                _write_stack(to.path(f"{name}_error.ome.tif"), result.assessment.errors, comparison)
        write_text(to.path(_TABLE), table(results))
        curves = [(r.info, r.assessment) for r in results]
        if not plot_over_time(to.path(_PLOT), curves):
            note(
                f"No {_PLOT}: it needs matplotlib; install it with "
                'pip install "napari-latentdyn[export]".'
            )
        report = {
            "format_version": 1,
            "complete": comparison.complete,
            "version": __version__,
            "inputs": {"first": report_of(files[0]), "last": report_of(files[1])},
            "truth": comparison.truth,
            "truth_times": results[0].assessment.truth_times,
            "times": comparison.times,
            "methods": {
                r.info.name: {
                    "title": r.info.title,
                    "seconds": round(r.seconds, 3),
                    **r.assessment.to_dict(),
                }
                for r in results
            },
            "failed": comparison.failed,
            "files": to.sizes(),
        }
        write_text(to.path(_REPORT), json.dumps(plain_json(report), indent=2) + "\n")


def table(results: list[Result]) -> str:
    """Return the means of all methods as a table in Markdown."""
    true = [column for column in SCORES if any(r.assessment.scores for r in results)]
    heads = [head for _, head, _ in true] + [head for _, head in _OWN]
    rows = [["method", *heads, "seconds"], ["---", *["---:"] * (len(heads) + 1)]]
    for result in results:
        row = [result.info.name]
        row += [_number(form, result.assessment.mean(name)) for name, _, form in true]
        for name, _ in _OWN:
            part = getattr(result.assessment, name)
            row.append(_number("{:.2f}", None if part is None else 100 * part))
        rows.append([*row, f"{result.seconds:.1f}"])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def is_comparison(folder: Path) -> bool:
    """Return whether a folder holds an earlier comparison."""
    return bool(_written_by(folder))


def _write_stack(path: Path, frames: NDArray[np.float32], comparison: Comparison) -> None:
    coloured = comparison.observations.multichannel
    place = comparison.files[0].geometry or Geometry()
    write_ome_tiff(
        path,
        frames if coloured else frames[:, 0],
        "TCYX" if coloured else "TYX",
        pixel_size=None if place == Geometry() else place.pixel_size,
        pixel_unit=place.units,
        name=path.name.removesuffix(".ome.tif"),
    )


def _number(form: str, value: float | None) -> str:
    return "–" if value is None else form.format(value)


def _written_by(target: Path) -> set[str]:
    """Return the names of the files of an earlier comparison in a folder.

    Names of other kinds in the report are ignored.
    """
    try:
        report = read_json(target / _REPORT)
        names = {str(name) for name in report["files"]} if "methods" in report else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in names if name.endswith(_SUFFIXES) or name in (_TABLE, _PLOT, _REPORT)}
