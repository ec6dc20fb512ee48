"""What all tests share."""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Waiting OpenMP threads spin and slow everything else down on small machines. Has to be said
# before anything imports PyTorch or NumPy.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Preferences and histories of folders of whoever runs the tests are neither read nor written.
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.runfolder.folder import write_run
from napari_latentdyn.settings import Settings

ROOT = Path(__file__).parents[1]

# The package imports lazily. A module that a test imports for the first time would keep what
# that test has put in the place of a function, for all tests after it.
for _package in ("cli", "core", "equations", "export", "files", "settings"):
    for _module in pkgutil.walk_packages(
        [str(ROOT / "src" / "napari_latentdyn" / _package)], f"napari_latentdyn.{_package}."
    ):
        importlib.import_module(_module.name)


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


def run_arrays(
    stages: int = 3, times: int = 4, shape: tuple[int, int] = (12, 16), channels: int = 0
) -> dict[str, Any]:
    """Arrays of a small run, by their names in `write_run` and `result_layers`."""
    random = np.random.default_rng(stages + times + channels)
    planes = (times, channels, *shape) if channels else (times, *shape)
    return {
        "frames": random.normal(size=planes).astype(np.float32),
        "times": np.linspace(0, 1, times),
        "velocity": random.normal(size=(stages, 2, *shape)).astype(np.float32),
        "field_times": np.arange(stages) / stages,
        "settings": Settings(),
        "report": {
            "steps": 5,
            "losses": {"total": np.float32(0.5), "space": float("nan")},
            "interval": {"value": 6.0, "unit": "hour"},
            "placement": Geometry.from_pixel_size((10.0, 20.0), "meter").to_report(),
        },
    }


@pytest.fixture(scope="session")
def make_run() -> Callable[..., dict[str, Any]]:
    return run_arrays


@pytest.fixture
def run() -> dict[str, Any]:
    return run_arrays()


@pytest.fixture
def save() -> Callable[..., Path]:
    """Write a small run folder; keywords replace what is in it."""

    def write(folder: Path, **changes: Any) -> Path:
        model = {
            "tensors": {"weight": np.arange(6, dtype=np.float32).reshape(2, 3)},
            "tensor_metadata": {"channels": "1"},
            "inputs": {"first": np.zeros((1, 12, 16), np.float32), "multichannel": np.array(False)},
        }
        return write_run(folder, **{**run_arrays(), **model, **changes})

    return write
