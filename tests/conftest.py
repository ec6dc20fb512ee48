"""What all tests share."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
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

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.runfolder.folder import write_run
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.settings import Settings

ROOT = Path(__file__).parents[1]

# The package imports lazily. A module that a test imports for the first time would keep what
# that test has put in the place of a function, for all tests after it.
for _package in ("cli", "core", "equations", "export", "files", "settings"):
    for _module in pkgutil.walk_packages(
        [str(ROOT / "src" / "napari_latentdyn" / _package)], f"napari_latentdyn.{_package}."
    ):
        importlib.import_module(_module.name)

# What is there now stays until the end; whoever collects garbage need not walk through it.
gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def own_preferences() -> Iterator[None]:
    """Preferences of napari and of the plugin in a folder that goes with the tests."""
    yield
    shutil.rmtree(Path(os.environ["NAPARI_CONFIG"]).parent, ignore_errors=True)


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def drifting() -> Callable[[float], NDArray[np.uint8]]:
    """A 64 x 64 scene that drifts by (3, -2) pixels in the interval, at any time."""
    noise = np.random.default_rng(0).normal(size=(80, 80))
    scene = ndimage.gaussian_filter(noise, 2)
    scene = 255 * (scene - scene.min()) / np.ptp(scene)

    def at(time: float) -> NDArray[np.uint8]:
        moved = ndimage.shift(scene, (3 * time, -2 * time), mode="wrap")
        return np.clip(np.rint(moved[8:72, 8:72]), 0, 255).astype(np.uint8)

    return at


def small_dynamics(
    stages: int = 3, times: int = 4, shape: tuple[int, int] = (12, 16), channels: int = 0
) -> Dynamics:
    """A small result of random numbers, without images and networks."""
    random = np.random.default_rng(stages + times + channels)
    planes = (times, channels, *shape) if channels else (times, *shape)
    frames = random.normal(size=planes).astype(np.float32)
    velocity = random.normal(size=(stages, 2, *shape)).astype(np.float32)
    report = {
        "steps": 5,
        "losses": {"total": 0.5, "space": float("nan")},
        "interval": {"value": 6.0, "unit": "hour"},
        "placement": Geometry.from_pixel_size((10.0, 20.0), "meter").to_report(),
    }
    return dynamics_of(frames, velocity, report)


def dynamics_of(
    frames: NDArray[np.float32],
    velocity: NDArray[np.float32],
    report: dict[str, Any] | None = None,
    *,
    settings: Settings | None = None,
    times: NDArray[np.float64] | None = None,
    **arrays: NDArray[np.float32],
) -> Dynamics:
    """Make a result of frames and fields that are already there."""
    described = RunReport.model_validate(report or {})
    made = Dynamics(
        settings or Settings(),
        velocity,
        described,
        fitted=Drawn({"frames": frames, **arrays}),
        times=np.linspace(0, 1, len(frames)) if times is None else times,
        observations=blank(frames, described.observation_times),
    )
    for what in ("frames", *arrays):
        getattr(made, what)()
    return made


def blank(frames: NDArray[np.float32], times: Sequence[float] = (0.0, 1.0)) -> Observations:
    """Images of the shape of frames."""
    chosen = np.linspace(0, len(frames) - 1, len(times)).astype(int)
    planes = frames[chosen] if frames.ndim == 4 else frames[chosen, None]
    channels = planes.shape[1]
    return Observations(
        times=np.array(times),
        images=np.nan_to_num(planes),
        valid=np.ones((len(times), *planes.shape[-2:]), bool),
        low=np.zeros(channels, np.float32),
        high=np.ones(channels, np.float32),
        multichannel=frames.ndim == 4,
    )


class Drawn:
    """Stands in for networks: returns arrays that are already there."""

    def __init__(self, arrays: dict[str, NDArray[np.float32]]) -> None:
        self.arrays = arrays
        self.checkpoint = None

    def render(self, what: str, *_: Any) -> NDArray[np.float32]:
        array = self.arrays[what]
        # With an axis of channels, as networks return it.
        return array[:, None] if array.ndim == 3 else array

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {"weight": np.arange(6, dtype=np.float32).reshape(2, 3)}


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Dynamics]:
    return small_dynamics


@pytest.fixture
def run() -> Dynamics:
    return small_dynamics()


@pytest.fixture
def save() -> Callable[..., Path]:
    """Write a small run folder; keywords replace what `write_run` is given."""

    def write(folder: Path, **changes: Any) -> Path:
        small = small_dynamics()
        given: dict[str, Any] = {
            "frames": small.frames(),
            "times": small.times(),
            "velocity": small.fields,
            "field_times": small.field_times,
            "settings": small.settings,
            "report": small.report,
            "tensors": small.fitted.to_arrays(),
            "tensor_metadata": {"channels": "1"},
            "inputs": small.observations.to_arrays(),
            **changes,
        }
        if isinstance(given["report"], dict):
            given["report"] = RunReport.model_validate(given["report"])
        return write_run(folder, **given)

    return write
