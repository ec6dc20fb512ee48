"""The command ``compare``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.cli.errors import OutputError, UsageError
from napari_latentdyn.cli.flags import settings_from
from napari_latentdyn.cli.images import ImageFile, read_stack
from napari_latentdyn.cli.learn import interruptible
from napari_latentdyn.cli.output import check_target
from napari_latentdyn.cli.progress import ProgressLine
from napari_latentdyn.cli.runs import read_pair, report_of
from napari_latentdyn.core.atomic import replace_folder, write_text
from napari_latentdyn.core.methods import (
    Interpolation,
    Method,
    Score,
    find_method,
    score,
)
from napari_latentdyn.core.ometiff import write_ome_tiff
from napari_latentdyn.core.pair import ImagePair
from napari_latentdyn.core.runfolder import plain_json
from napari_latentdyn.errors import PairError, Stopped
from napari_latentdyn.settings import Settings

__all__ = ["compare"]

_REPORT, _TABLE = "comparison.json", "comparison.md"


@dataclass(frozen=True)
class _Result:
    name: str
    seconds: float
    made: Interpolation
    scores: list[Score]

    @property
    def psnr(self) -> float:
        return float(np.mean([s.psnr for s in self.scores]))

    @property
    def ssim(self) -> float:
        return float(np.mean([s.ssim for s in self.scores]))


def compare(arguments: argparse.Namespace) -> int:
    """Make frames with several methods and score them on true frames."""
    names = list(dict.fromkeys(n.strip() for n in arguments.methods.split(",") if n.strip()))
    if not names:
        raise UsageError("--methods takes the names of methods, such as dissolve,standard.")
    methods = {
        name: find_method(name, lambda settings: settings_from(arguments, settings))
        for name in names
    }
    settings = settings_from(arguments, Settings())
    target = check_target(arguments.output, overwrite=arguments.overwrite, is_ours=_is_comparison)
    pair, files = read_pair(arguments, settings)
    truth = _read_truth(arguments.truth, pair, settings) if arguments.truth else None
    times = _frame_times(settings) if truth is None else np.linspace(0, 1, len(truth) + 2)

    line = ProgressLine(quiet=arguments.quiet)
    with interruptible(line) as interrupt:
        results = []
        for name, method in methods.items():
            line.note(f"{name}:")
            try:
                results.append(_one(name, method, pair, times, truth, line, interrupt.should_stop))
            except Stopped:
                break
            if interrupt.should_stop():
                break
        line.close()
        if not results:
            raise KeyboardInterrupt(interrupt.code)
        _write(target, results, pair, files, times, arguments, complete=len(results) == len(names))
        sys.stderr.write(_table(results))
        sys.stdout.write(f"{target}\n")
        return interrupt.code


def _one(
    name: str,
    method: Method,
    pair: ImagePair,
    times: NDArray[np.float64],
    truth: NDArray[np.float32] | None,
    line: ProgressLine,
    should_stop: Any,
) -> _Result:
    began = time.perf_counter()
    made = method(pair, times, should_stop=should_stop, on_progress=line.show)
    seconds = time.perf_counter() - began
    line.close()
    middle = made.frames[1:-1]
    scores = (
        [score(pair, *two) for two in zip(middle, truth, strict=True)] if truth is not None else []
    )
    return _Result(name, seconds, made, scores)


def _read_truth(source: str, pair: ImagePair, settings: Settings) -> NDArray[np.float32]:
    """Read the true frames between the images, shape (T, C, H, W)."""
    grey = pair.channels == 1 and settings.images.channel is None
    stack = read_stack(source, grey=grey)
    if stack.ndim == 3:
        stack = stack[:, None]
    elif settings.images.channel is not None and settings.images.channel < stack.shape[1]:
        stack = stack[:, settings.images.channel :][:, :1]
    if stack.shape[1:] != pair.first.shape:
        raise PairError(
            f"the true frames in {source} have shape {stack.shape[1:]} (channels, height, width), "
            f"the images {pair.first.shape}: they must agree."
        )
    return stack[1:-1] if _has_ends(stack, pair) else stack


def _has_ends(stack: NDArray[np.float32], pair: ImagePair) -> bool:
    """Return whether a stack starts with the first image and ends with the last.

    They may be rounded: each has to be much closer to its image than to its
    neighbour in the stack.
    """
    if len(stack) < 3:
        return False
    both = pair.valid_first & pair.valid_last & np.isfinite(stack).all(axis=(0, 1))
    ends = ((stack[0], pair.first, stack[1]), (stack[-1], pair.last, stack[-2]))
    return all(
        _distance(end, image, both) < 0.1 * _distance(end, neighbour, both)
        for end, image, neighbour in ends
    )


def _distance(a: NDArray[Any], b: NDArray[Any], valid: NDArray[np.bool_]) -> float:
    return float(np.sqrt(np.mean((a[:, valid] - b[:, valid]) ** 2)))


def _frame_times(settings: Settings) -> NDArray[np.float64]:
    from napari_latentdyn.core.dynamics import frame_times

    return frame_times(settings)


def _write(
    target: Path,
    results: list[_Result],
    pair: ImagePair,
    files: tuple[ImageFile, ImageFile],
    times: NDArray[np.float64],
    arguments: argparse.Namespace,
    *,
    complete: bool,
) -> None:
    from napari_latentdyn import __version__

    names = {f"{r.name}.ome.tif" for r in results} | {f"{r.name}_fields.npz" for r in results}
    old = _written_by(target)
    with replace_folder(
        target, {*names, *old, _REPORT, _TABLE}, OutputError, "the comparison"
    ) as to:
        for result in results:
            frames = result.made.frames
            if not pair.multichannel:
                frames = frames[:, 0]
            write_ome_tiff(
                to.path(f"{result.name}.ome.tif"),
                frames,
                "TCYX" if pair.multichannel else "TYX",
                pixel_size=files[0].pixel_size,
                pixel_unit=(files[0].unit or "pixel", files[0].unit or "pixel"),
                name=result.name,
            )
            if result.made.velocity is not None:
                stages = len(result.made.velocity)
                np.savez_compressed(
                    to.path(f"{result.name}_fields.npz"),
                    velocity=result.made.velocity,
                    times=np.arange(stages) / stages,
                )
        write_text(to.path(_TABLE), _table(results))
        report = {
            "format_version": 1,
            "complete": complete,
            "version": __version__,
            "inputs": {"first": report_of(files[0]), "last": report_of(files[1])},
            "truth": Path(arguments.truth).name if arguments.truth else None,
            "times": times,
            "methods": {r.name: _describe(r, times) for r in results},
            "files": to.sizes(),
        }
        write_text(to.path(_REPORT), json.dumps(plain_json(report), indent=2) + "\n")


def _describe(result: _Result, times: NDArray[np.float64]) -> dict[str, Any]:
    described: dict[str, Any] = {"seconds": round(result.seconds, 3)}
    if result.scores:
        described |= {
            "psnr": result.psnr,
            "ssim": result.ssim,
            "frames": [
                {"time": t, "psnr": s.psnr, "ssim": s.ssim}
                for t, s in zip(times[1:-1], result.scores, strict=True)
            ],
        }
    return described


def _table(results: list[_Result]) -> str:
    scored = any(result.scores for result in results)
    head = ["method", *(["PSNR (dB)", "SSIM"] if scored else []), "seconds"]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for result in results:
        numbers = [f"{result.psnr:.2f}", f"{result.ssim:.4f}"] if scored else []
        rows.append([result.name, *numbers, f"{result.seconds:.1f}"])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _is_comparison(folder: Path) -> bool:
    return bool(_written_by(folder))


def _written_by(folder: Path) -> set[str]:
    """Return the names of the files of an earlier comparison; none if it holds none."""
    try:
        report = json.loads((folder / _REPORT).read_text(encoding="utf-8"))
        return {str(name) for name in report["files"]} if "methods" in report else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()
