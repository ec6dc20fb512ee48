"""What all tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# Waiting OpenMP threads spin and slow everything else down on small machines. Has to be said
# before anything imports PyTorch or NumPy.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Preferences and histories of folders of whoever runs the tests are neither read nor written.
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def own_preferences() -> Iterator[None]:
    """Preferences of napari and of the plugin in a folder that goes with the tests."""
    yield
    shutil.rmtree(Path(os.environ["NAPARI_CONFIG"]).parent, ignore_errors=True)


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture
def drifting() -> Callable[[float], NDArray[np.uint8]]:
    """A 64 x 64 scene that drifts by (3, -2) pixels in the interval, at any time."""
    noise = np.random.default_rng(0).normal(size=(80, 80))
    scene = ndimage.gaussian_filter(noise, 2)
    scene = 255 * (scene - scene.min()) / np.ptp(scene)

    def at(time: float) -> NDArray[np.uint8]:
        moved = ndimage.shift(scene, (3 * time, -2 * time), mode="wrap")
        return np.clip(np.rint(moved[8:72, 8:72]), 0, 255).astype(np.uint8)

    return at
