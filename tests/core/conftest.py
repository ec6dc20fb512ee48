"""What the tests of the core share."""

from __future__ import annotations

import pytest
from tests.core.helpers import moved

from napari_latentdyn.core.observations.observations import Observations


@pytest.fixture(scope="session")
def drifting() -> Observations:
    """A pair of 64 x 64 pixels that drifts by (5, -3)."""
    at = moved((5.0, -3.0))
    return Observations.from_arrays(at(0), at(1))
