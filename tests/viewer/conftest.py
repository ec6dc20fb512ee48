from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import npe2
import pytest
from tests.conftest import dynamics_of

import napari_latentdyn
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.viewer.layers import result_layers

MANIFEST = Path(napari_latentdyn.__file__).parent / "napari.yaml"


@pytest.fixture
def layers(run: Dynamics) -> Callable[..., list[Any]]:
    """Make the layers of a small result; keywords replace parts of it."""

    def make(rgb: bool | None = None, **changes: Any) -> list[Any]:
        base = changes.pop("run", run)
        given = {"frames": base.frames(), "velocity": base.fields, "times": base.times(), **changes}
        report = given.pop("report", None)
        if report is None:
            report = base.report.model_dump()
        placement = given.pop("placement", None)
        report = {**report, "placement": None if placement is None else placement.to_report()}
        name, run_id = given.pop("name", "dynamics"), given.pop("run_id", "run 1")
        made = dynamics_of(given.pop("frames"), given.pop("velocity"), report, **given)
        made.name, made.run_id = name, run_id
        return result_layers(made, rgb=rgb)

    return make


@pytest.fixture
def plugin(npe2pm: Any) -> Iterator[npe2.PluginManager]:
    """The plugin after napari's own readers and writers, as napari finds them."""
    manager = npe2.PluginManager.instance()
    with npe2pm.tmp_plugin(package="napari"):
        manager.register(npe2.PluginManifest.from_file(MANIFEST))
        yield manager
