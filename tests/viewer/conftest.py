from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import npe2
import pytest

import napari_latentdyn
from napari_latentdyn.viewer.layers import result_layers

MANIFEST = Path(napari_latentdyn.__file__).parent / "napari.yaml"


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
