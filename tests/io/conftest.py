from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import npe2
import numpy as np
import pytest

import napari_latentdyn
from napari_latentdyn.core.runfolder import write_run
from napari_latentdyn.layers import Placement, result_layers
from napari_latentdyn.settings import Settings

MANIFEST = Path(napari_latentdyn.__file__).parent / "napari.yaml"


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
            "placement": Placement(scale=(10.0, 20.0), units=("meter", "meter")).to_dict(),
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


@pytest.fixture
def layers(run: dict[str, Any]) -> Callable[..., list[Any]]:
    """Layers of a small run; keywords replace what is given to `result_layers`."""

    def make(**changes: Any) -> list[Any]:
        return result_layers(
            **{**run, "placement": None, "run_id": "run 1", "name": "dynamics", **changes}
        )

    return make


@pytest.fixture
def plugin(npe2pm: Any) -> Iterator[npe2.PluginManager]:
    """The plugin after napari's own readers and writers, as napari finds them."""
    manager = npe2.PluginManager.instance()
    with npe2pm.tmp_plugin(package="napari"):
        manager.register(npe2.PluginManifest.from_file(MANIFEST))
        yield manager
