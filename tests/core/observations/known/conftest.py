"""Images to which files are brought."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from tests.core.observations.known.helpers import POLAR, SHAPE, TRANSFORM

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.known import ImageSpace


@pytest.fixture(scope="session")
def polar() -> ImageSpace:
    """Two images with pixels of 40 m in polar stereographic projection, 12 hours apart."""
    place = Geometry.from_map(TRANSFORM, POLAR, "metre")
    start = datetime(2024, 3, 1, tzinfo=UTC)
    return ImageSpace(SHAPE, np.array([0.0, 1.0]), place, start, 12 * 3600.0)


@pytest.fixture(scope="session")
def series() -> ImageSpace:
    """Three images without a place and dates."""
    return ImageSpace(SHAPE, np.array([0.0, 2.0, 5.0]))
