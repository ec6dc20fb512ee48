"""What the presets learn: true middle frames, fields, auto-encoding and time.

    python benchmarks/learning.py                          # the generated scenes
    python benchmarks/learning.py --data ../shared/data    # and sequences with true frames
    python benchmarks/learning.py --presets paper --scenes translation

Prints a table in Markdown. PSNR is on the range of the two given images, at the
true frames in between only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.rendering.renderer import Renderer
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer import samples

SEQUENCES = ("syn_translation_land", "syn_rotation", "syn_crack_opening")


@dataclass
class Case:
    """A sequence whose middle is known."""

    name: str
    frames: NDArray[np.floating]
    times: NDArray[np.floating]
    displacement: NDArray[np.floating] | None = None
    still: NDArray[np.bool_] | None = None


def generated() -> list[Case]:
    cases = []
    for make in (
        samples.generate_translation_land,
        samples.generate_rotation_cracks,
        samples.generate_new_cracks,
    ):
        scene = make()
        name = make.__name__.removeprefix("generate_")
        cases.append(Case(name, np.asarray(scene.frames), np.asarray(scene.times)))
    return cases


def stored(folder: Path) -> list[Case]:
    if not folder.is_dir():
        print(f"{folder} is not there: only the generated scenes are measured.", file=sys.stderr)
        return []
    cases = []
    for name in SEQUENCES:
        frames = tifffile.imread(folder / f"{name}.tif").astype(np.float32)
        with np.load(folder / f"{name}_flow_total.npz") as arrays:
            total = arrays["arr_0"].astype(np.float32)
        land = folder / f"{name}_landmask.npz"
        still = None
        if land.exists():
            with np.load(land) as arrays:
                still = np.asarray(arrays["arr_0"], bool).reshape(-1, *frames.shape[1:])[0]
        cases.append(Case(name, frames, np.linspace(0, 1, len(frames)), total, still))
    return cases


def psnr(image: NDArray[np.floating], truth: NDArray[np.floating], span: float) -> float:
    return float(10 * np.log10(span**2 / np.mean((image - truth) ** 2)))


def auto_encoding(dynamics: Dynamics, span: float) -> float:
    """PSNR of both images encoded and decoded, the worse one."""
    observations = dynamics.observations
    swapped = Observations.from_arrays(
        observations.images[1][0], observations.images[0][0], settings=dynamics.settings.images
    )
    zero = np.zeros_like(dynamics.fields)
    return min(
        psnr(Renderer(dynamics.fitted.model, p).frames(zero, [0.0])[0, 0], p.images[0][0], span)
        for p in (observations, swapped)
    )


def measured(case: Case, preset: str, changes: dict[str, object]) -> dict[str, object]:
    first, last = case.frames[0], case.frames[-1]
    span = float(max(first.max(), last.max()) - min(first.min(), last.min()))
    settings = Settings.preset(preset).updated({"output.preview": False, **changes})
    observations = Observations.from_arrays(first, last, settings=settings.images)
    dynamics = drain(fit(observations, settings))
    inner = slice(1, -1)
    truth, times = case.frames[inner], case.times[inner]
    ours = dynamics.frames(times)
    dissolve = [(1 - t) * first + t * last for t in times]
    row: dict[str, object] = {
        "scene": case.name,
        "preset": preset,
        "PSNR": np.mean([psnr(f, t, span) for f, t in zip(ours, truth, strict=True)]),
        "dissolve": np.mean([psnr(f, t, span) for f, t in zip(dissolve, truth, strict=True)]),
        "auto-encoding": auto_encoding(dynamics, span),
        "seconds": dynamics.report.seconds,
    }
    if case.displacement is not None:
        error = np.hypot(*(dynamics.fields.sum(axis=0) - case.displacement))
        if case.still is None:
            row["field error"] = error.mean()
        else:
            row["field error"] = error[~case.still].mean()
            row["field on land"] = error[case.still].mean()
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--presets", default="standard")
    parser.add_argument("--scenes", default="", help="only those whose name holds this")
    parser.add_argument("--set", default="{}", help="changes of settings as JSON")
    arguments = parser.parse_args()
    cases = generated() + (stored(arguments.data) if arguments.data else [])
    names = ["scene", "preset", "PSNR", "dissolve", "auto-encoding"]
    names += ["field error", "field on land", "seconds"]
    print("| " + " | ".join(names) + " |")
    print("|" + " --- |" * len(names))
    for case in cases:
        if arguments.scenes not in case.name:
            continue
        for preset in arguments.presets.split(","):
            row = measured(case, preset, json.loads(arguments.set))
            cells = [row.get(name, "") for name in names]
            shown = [f"{c:.2f}" if isinstance(c, float) else str(c) for c in cells]
            print("| " + " | ".join(shown) + " |", flush=True)


if __name__ == "__main__":
    main()
