from __future__ import annotations

from typing import Any

import pytest
from tests.core.helpers import finished
from tests.core.long_series.helpers import SETTINGS, scene, velocities

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training import cache, initial
from napari_latentdyn.core.training.fit import fit


@pytest.fixture(scope="session")
def observations() -> Observations:
    return scene()


@pytest.fixture(scope="session")
def short(observations: Observations) -> Dynamics:
    """The result in the memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(initial, "initial_velocities", velocities)
        found = finished(fit(observations, SETTINGS))[1]
    assert isinstance(found.fitted.ensembles, tuple)
    return found


@pytest.fixture(autouse=True)
def matched(monkeypatch: pytest.MonkeyPatch, short: Dynamics) -> list[int]:
    """Every series is long; count the intervals that are matched."""
    calls: list[int] = []

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return velocities(*arguments)

    monkeypatch.setattr(initial, "initial_velocities", counted)
    monkeypatch.setattr(cache, "IN_MEMORY", 0)
    # Every step of the matching is shown.
    monkeypatch.setattr("napari_latentdyn.core.training.fit._SHOW_EVERY", 0.0)
    return calls
