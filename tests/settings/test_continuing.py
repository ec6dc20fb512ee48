"""Which settings may change when a training continues."""

from __future__ import annotations

from typing import Any

import pytest

from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.continuing import changed_at_start

START = Settings.preset("standard")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"training.steps": 500, "training.learning_rate": 1e-4, "training.device": "cpu"},
        {"images.interval": 3.0, "images.interval_unit": "day"},
        {"output.frames": 7, "patches.size": (64, 64), "patches.stride": (32, 32)},
    ],
)
def test_these_may_change(changes: dict[str, Any]) -> None:
    assert changed_at_start(START, START.updated(changes)) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images.brightness", "keep"),
        ("images.channel", 1),
        ("model.stages", 5),
        ("model.members", 3),
        ("physics.equation", "continuity"),
        ("training.start_from", "prior"),
    ],
)
def test_what_networks_and_initial_fields_depend_on_must_stay(name: str, value: Any) -> None:
    assert changed_at_start(START, START.updated({name: value, "training.steps": 9})) == name
