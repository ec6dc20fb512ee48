"""Measure what prior knowledge is worth, and print a table.

python -m benchmarks.known [--preset P] [--docs FILE]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from benchmarks.known.scenes import Floats, channel, far, grid, turning_at_noon

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.dynamics.trajectories import trajectories
from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.knowledge.regions import Regions
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.scenes import Scene, generate_coast_buoys, generate_translation_land

_BEGIN, _END = "<!-- known -->", "<!-- /known -->"
#: Standard deviation in pixels of the positions of tracks.
_SIGMA = 0.3

Row = tuple[str, str, str, float]


def main() -> None:
    """Measure, and print or write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.known")
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--docs", metavar="FILE", help="page that takes the table")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = Settings.preset(arguments.preset)
    lines = ["| scene | known | error | seconds |", "| --- | --- | --- | ---: |"]
    for measure in (_land, _channel, _buoys, _turn, _far):
        for scene, known, figures, seconds in measure(settings):
            lines.append(f"| {scene} | {known} | {figures} | {seconds:.1f} |")
            print(lines[-1], flush=True)
    if arguments.docs:
        page = Path(arguments.docs)
        before, rest = page.read_text().split(_BEGIN)
        table = "\n".join(lines)
        page.write_text(f"{before}{_BEGIN}\n\n{table}\n\n{_END}{rest.split(_END)[1]}")


def _fit(images: Sequence[Floats], settings: Settings, known: Knowledge) -> tuple[Dynamics, float]:
    begin = time.process_time()
    dynamics = drain(fit(Observations.from_arrays(*images).with_knowledge(known), settings))
    return dynamics, time.process_time() - begin


def _error(dynamics: Dynamics, scene: Scene, points: Floats, times: Floats) -> float:
    truth = trajectories(scene.velocity, points, times)
    return float(
        np.nanmean(np.hypot(*np.moveaxis(dynamics.trajectories(points, times) - truth, -1, 0)))
    )


def _land(settings: Settings) -> Iterator[Row]:
    scene = generate_translation_land(seed=1)
    assert scene.land is not None
    ice, end = np.argwhere(~scene.land)[::53].astype(float), np.array([1.0])
    for name, known in {
        "nothing": Knowledge(),
        "coast, still": Knowledge(Regions.from_masks(still=scene.land)),
    }.items():
        dynamics, seconds = _fit([scene.first, scene.last], settings, known)
        on_land = float(np.hypot(*dynamics.fields.sum(axis=0))[scene.land].mean())
        told = f"ice {_error(dynamics, scene, ice, end):.3f} px, land {on_land:.3f} px"
        yield "drift past land", name, told, seconds


def _channel(settings: Settings) -> Iterator[Row]:
    images, wall, speed = channel()
    inner = np.flatnonzero(speed > 0)
    for role in ("nothing", "still", "wall"):
        regions = Regions() if role == "nothing" else Regions.from_masks(**{role: wall})
        dynamics, seconds = _fit(images, settings, Knowledge(regions))
        moved = dynamics.fields.sum(axis=0)
        through = np.abs(moved[0, [inner[0], inner[-1]]]).sum()
        part = through / np.abs(moved[1, inner]).mean() / len(inner)
        error = np.abs(moved[1, inner] - speed[inner, None]).mean()
        yield "channel", role, f"flow {error:.2f} px, flux through {100 * part:.3f} %", seconds


def _buoys(settings: Settings) -> Iterator[Row]:
    scene = generate_coast_buoys(seed=1, stages=12)
    assert scene.land is not None
    assert scene.buoys is not None
    noise = np.random.default_rng(0).normal(scale=_SIGMA, size=scene.buoys.shape)
    number, index = np.indices(scene.buoys.shape[:2]).reshape(2, -1)
    places = (scene.buoys + noise).reshape(-1, 2)
    tracks = Tracks.from_rows(number, scene.times[index], places, _SIGMA).hold_back(0.25)
    ice, coast = np.argwhere(~scene.land)[::53].astype(float), Regions.from_masks(still=scene.land)
    for name, known in {
        "nothing": Knowledge(),
        "coast, still": Knowledge(coast),
        "three buoys": Knowledge(tracks=tracks),
        "coast and three buoys": Knowledge(coast, tracks),
    }.items():
        dynamics, seconds = _fit([scene.first, scene.last], settings, known)
        frames = dynamics.frames(scene.times[1:-1]) - scene.frames[1:-1]
        told = f"tracers {_error(dynamics, scene, ice, scene.times):.2f} px"
        told += f", frames {-10 * np.log10((frames**2).mean()):.1f} dB"
        held = dynamics.report.held_back
        if held is not None:
            told += f", fourth buoy {held.error:.2f} px"
        yield "ice past a coast, turns half way", name, told, seconds


def _turn(settings: Settings) -> Iterator[Row]:
    scene, times = turning_at_noon(160), np.linspace(0, 1, 21)
    tracks = scene.tracks(
        [(40.0, 40.0), (115.0, 50.0), (70.0, 115.0)], np.linspace(0, 1, 10), _SIGMA
    )
    for name, known in {"nothing": Knowledge(), "three tracks": Knowledge(tracks=tracks)}.items():
        dynamics, seconds = _fit([scene.image(0), scene.image(1)], settings, known)
        error = float(np.nanmean(scene.error(dynamics, grid(20, 140, 8), times)))
        yield "drift that turns half way", name, f"tracers {error:.2f} px", seconds


def _far(settings: Settings) -> Iterator[Row]:
    scene, end = far(256), np.array([1.0])
    points = grid(10, 250, 6)
    inside = scene.there(points, 1.0)
    points = points[((inside > 3) & (inside < scene.side - 4)).all(axis=1)]
    marks = scene.tracks(
        [(50.0, 210.0), (140.0, 90.0), (170.0, 230.0), (90.0, 120.0)], np.array([0.0, 1.0]), 0.5
    )
    for name, known in {"nothing": Knowledge(), "four landmarks": Knowledge(tracks=marks)}.items():
        dynamics, seconds = _fit([scene.image(0), scene.image(1)], settings, known)
        error = scene.error(dynamics, points, end)
        yield "60 px in fine texture", name, f"median {np.nanmedian(error):.2f} px", seconds


if __name__ == "__main__":
    main()
