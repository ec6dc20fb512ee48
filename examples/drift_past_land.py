"""Writes the tables and pictures of the tutorial "Drift past land".

python examples/drift_past_land.py [--results FOLDER] [--methods NAME ...]
"""

from __future__ import annotations

from functools import partial

import numpy as np
import tifffile
from comparison import DATA, Scene, cell, compare, options

from napari_latentdyn.core.baselines import Interpolation
from napari_latentdyn.viewer.scenes import generate_translation_land

TITLE = "explained without motion (%)"


def explained_without_motion(ice: tuple[slice, slice], scene: Scene, made: Interpolation) -> str:
    """Return the percentage of the variance of a frame that both images explain unmoved.

    A constant and both images are fitted to the frame. A cross-dissolve has 100 %.
    """
    frame, *ends = (image[:, *ice].ravel() for image in (made.frames[scene.shown], *scene.ends))
    known = np.stack([np.ones_like(frame), *ends], axis=1)
    left = frame - known @ np.linalg.lstsq(known, frame, rcond=None)[0]
    return cell(1 - left.var() / frame.var(), 0, 100)


if __name__ == "__main__":
    wanted = options("drift-past-land")
    scene = Scene.from_stack("drift", generate_translation_land().frames, (140, 56, 80))
    right_of_the_coast = (slice(None), slice(128, None))
    compare(scene, wanted, {TITLE: partial(explained_without_motion, right_of_the_coast)})

    days = [tifffile.imread(DATA / f"modis_2022-09-{day}.tif") for day in (13, 14)]
    ends = np.moveaxis(np.stack(days).astype(np.float32), -1, 1)
    scene = Scene("modis", ends, ends[:0], (76, 152, 80))
    ice_without_cloud = (slice(8, 152), slice(140, 236))
    compare(scene, wanted, {TITLE: partial(explained_without_motion, ice_without_cloud)})
