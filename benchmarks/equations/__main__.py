"""Compare all equations on generated scenes, and what `auto` chooses.

python -m benchmarks.equations [--seeds 10,11,12] [--scenes A,B] [--preset quick] [--data DIR]
                               [--picture FILE]
"""

from __future__ import annotations

import argparse
import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from benchmarks.accuracy.cases import generated_cases, stored_cases
from benchmarks.equations.scenes import SCENES, TIMES, generate
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.rendering.coefficients import fit_all
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.equations import AUTO, DEFAULT, EQUATIONS
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings


def psnr(frames: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Return the peak signal-to-noise ratio in dB, relative to the range of the truth."""
    error = float(np.mean((frames - truth) ** 2))
    return float(10 * np.log10(np.ptp(truth) ** 2 / max(error, 1e-12)))


def learned(images: Sequence[NDArray[np.floating]], settings: Settings) -> Dynamics:
    """Return the result of a fit."""
    return drain(fit(Observations.from_arrays(*images, settings=settings.images), settings))


def frames_with(dynamics: Dynamics, name: str, times: ArrayLike) -> NDArray[np.floating]:
    """Return frames (T, H, W) of another equation with the same motion."""
    equation = EQUATIONS[name]
    settings = dynamics.settings.updated({"physics.equation": name})
    # The networks of the result keep their equation.
    model = copy.copy(dynamics.fitted.model)
    model.follow(settings)
    observations = dynamics.observations
    if equation.explains_brightness:
        observations = observations.with_brightness(None)
    known = fit_all(equation, observations, dynamics.fields, model)
    fitted = replace(dynamics.fitted, model=model, coefficients=known)
    at = np.asarray(times, np.float64)
    return fitted.render("frames", observations, dynamics.fields, at, settings)[:, 0]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.equations", description="Compare all equations."
    )
    parser.add_argument("--seeds", default="10,11,12", help="seeds of the scenes")
    parser.add_argument("--scenes", default=",".join(SCENES), metavar="A,B")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--data", metavar="DIR", help="also sequences of a folder")
    parser.add_argument("--picture", metavar="FILE", help="only draw the scenes and their frames")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = Settings.preset(arguments.preset).updated({"training.threads": 1})
    auto = settings.updated({"physics.equation": AUTO})
    if arguments.picture:
        seed = int(arguments.seeds.split(",")[0])
        draw(arguments.scenes.split(","), seed, settings, arguments.picture)
        return
    print("| Scene | " + " | ".join(EQUATIONS) + " | auto, two images | auto, three images |")
    print("|---" * (len(EQUATIONS) + 3) + "|")
    for name in arguments.scenes.split(","):
        rows, pairs, series = [], Counter[str](), Counter[str]()
        for seed in map(int, arguments.seeds.split(",")):
            scene = generate(name, seed)
            dynamics = learned(scene.images[[0, -1]], settings)
            truth, times = scene.truth[1:-1], TIMES[1:-1]
            rows.append([psnr(frames_with(dynamics, e, times), truth) for e in EQUATIONS])
            pairs[learned(scene.images[[0, -1]], auto).settings.physics.equation] += 1
            series[learned(scene.images, auto).settings.physics.equation] += 1
        values = " | ".join(f"{value:.2f}" for value in np.mean(rows, axis=0))
        print(f"| {name} | {values} | {_text(pairs)} | {_text(series)} |", flush=True)
    if arguments.data:
        print("\n| Sequence | source | auto | chosen |\n|---|---|---|---|")
        for case in (*stored_cases(Path(arguments.data)), *generated_cases()):
            images = case.first, case.last
            plain, chosen = (learned(images, s) for s in (settings, auto))
            found = [
                psnr(frames_with(plain, DEFAULT, case.times), case.truth),
                psnr(chosen.frames(case.times), case.truth),
            ]
            name = chosen.settings.physics.equation
            print(f"| {case.name} | {found[0]:.2f} | {found[1]:.2f} | {name} |", flush=True)


def draw(names: Sequence[str], seed: int, settings: Settings, path: str) -> None:
    """Draw both images of each scene, the truth half way, and two frames that are compared."""
    from matplotlib.figure import Figure

    titles = "first image", "last image", "true half way", DEFAULT, "own equation"
    figure = Figure(figsize=(8.2, 1.72 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), len(titles), squeeze=False)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    for row, name in zip(axes, names, strict=True):
        scene = generate(name, seed)
        dynamics = learned(scene.images[[0, -1]], settings)
        truth = scene.truth[len(TIMES) // 2]
        shown = [scene.images[0], scene.images[-1], truth]
        labels = ["", "", ""]
        for equation in (DEFAULT, name):
            frame = frames_with(dynamics, equation, [0.5])[0]
            shown.append(frame)
            labels.append(f"{psnr(frame, truth):.1f} dB")
        low, high = np.percentile(scene.truth, (0.5, 99.5))
        for axis, image, label in zip(row, shown, labels, strict=True):
            axis.imshow(image, cmap="gray", vmin=low, vmax=high)
            axis.set(xticks=[], yticks=[], xlabel=label)
        row[0].set_ylabel(EQUATIONS[name].title.partition(" (")[0], fontsize=8)
    figure.savefig(path, dpi=110)


def _text(chosen: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in chosen.most_common())


if __name__ == "__main__":
    main()
