"""Writes the tables and pictures of the tutorial "New cracks".

python examples/new_cracks.py [--results FOLDER] [--methods NAME ...]
"""

from __future__ import annotations

import tifffile
from comparison import DATA, Scene, cell, compare, options

from napari_latentdyn.core.baselines import Interpolation
from napari_latentdyn.viewer.scenes import generate_new_cracks

generated = generate_new_cracks()


def open_water(scene: Scene, made: Interpolation) -> str:
    """Return how dark a frame is half way, where the cracks are open by then, in percent.

    0 % is as bright as the ice of the true frame, and 100 % as dark as its water.
    """
    before, after = generated.known[3:5]  # Stages before and after half way.
    truth, frame = generated.frames[4], made.frames[4, 0]
    water, ice = ~before & ~after, after
    dark = truth[ice].mean() - frame[water].mean()
    return cell(dark / (truth[ice].mean() - truth[water].mean()), 0, 100)


if __name__ == "__main__":
    wanted = options("new-cracks")
    scene = Scene.from_stack("cracks", generated.frames, (80, 120, 80))
    compare(scene, wanted, {"darkness of open cracks (%)": open_water})

    film = tifffile.imread(DATA / "nematic_cracks.tif")
    compare(Scene.from_stack("nematic", film, (76, 88, 88)), wanted)
