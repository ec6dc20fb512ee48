"""Writes the tables and pictures of the tutorial "Rotation with cracks".

python examples/rotation_with_cracks.py [--results FOLDER] [--methods NAME ...]
"""

from __future__ import annotations

import numpy as np
import tifffile
from comparison import DATA, Scene, cell, compare, options
from scipy import ndimage

from napari_latentdyn.core.baselines import Interpolation
from napari_latentdyn.core.dynamics.trajectories import trajectories
from napari_latentdyn.viewer.scenes import generate_rotation_cracks

generated = generate_rotation_cracks()


def tracer_error(at: float, scene: Scene, made: Interpolation) -> str:
    """Return the mean distance in pixels of points carried along a field to their true places.

    Points that come within 6 pixels of an open crack, where the true motion is unknown, or that
    leave the image do not count.
    """
    if made.velocity is None:
        return ""
    points = np.mgrid[16:240:12, 16:240:12].reshape(2, -1).T
    times = np.linspace(0, at, 9)
    true = trajectories(generated.velocity, points, times)
    clear = ndimage.binary_erosion(generated.known.all(axis=0), np.ones((13, 13)))
    y, x = np.moveaxis(np.nan_to_num(true).round().astype(int), -1, 0)
    true[~clear[y, x].all(axis=1)] = np.nan
    end = trajectories(made.velocity, points, [at])[:, 0]
    return cell(float(np.nanmean(np.hypot(*(end - true[:, -1]).T))), 2)


if __name__ == "__main__":
    wanted = options("rotation-with-cracks")
    scene = Scene.from_stack("rotation", generated.frames, (8, 168, 80))
    columns = {
        "tracers half way (px)": lambda *made: tracer_error(0.5, *made),
        "tracers at the end (px)": lambda *made: tracer_error(1.0, *made),
    }
    compare(scene, wanted, columns)

    film = tifffile.imread(DATA / "nematic_turning.tif")
    compare(Scene.from_stack("turning", film, (60, 76, 88)), wanted)
