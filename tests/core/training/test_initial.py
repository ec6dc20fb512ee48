"""Initial velocities: a drift, a steady field from two displacements, matched members."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.helpers import finished, moved, spin, texture, turning

from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.physics.characteristics import Characteristics
from napari_latentdyn.core.physics.sampling import pixel_grid, sample
from napari_latentdyn.core.training.initial import (
    common_drift,
    initial_velocities,
    start_fields,
)
from napari_latentdyn.settings import Settings


def found(pair: Observations, how: str, **changes: Any) -> tuple[list[Any], Any]:
    chosen = Settings().updated(
        {
            "model.initial_fields": how,
            **{name.replace("__", "."): value for name, value in changes.items()},
        }
    )
    said, (_, ensemble) = finished(initial_velocities(pair, chosen, torch.device("cpu")))
    return said, ensemble.velocities


@settings(max_examples=15, deadline=None)
@given(st.floats(-15, 15), st.floats(-15, 15), st.integers(0, 5))
def test_drift_is_found_to_a_fraction_of_a_pixel(dy: float, dx: float, seed: int) -> None:
    at = moved((dy, dx), (96, 96), seed)
    drift = common_drift(*(np.float32(at(t) - 100) for t in (0, 1)))
    if max(abs(dy), abs(dx)) > 1:
        assert np.abs(drift - [dy, dx]).max() < 0.6


def test_unrelated_images_have_no_drift() -> None:
    first, last = (np.float32(texture((96, 96), s) - 100) for s in (0, 1))
    assert common_drift(first, last).tolist() == [0.0, 0.0]


def test_one_bright_body_over_still_ground_is_no_common_drift() -> None:
    ground, body = 0.35 * texture((96, 96), 0), 60 + texture((32, 32), 1)
    images = [ground.copy(), ground.copy()]
    for image, column in zip(images, (20, 32), strict=True):
        image[32:64, column : column + 32] = body
    first, last = (np.float32(image - image.mean()) for image in images)
    assert common_drift(first, last).tolist() == [0.0, 0.0]
    # Alone it would be one.
    at = moved((0.0, 12.0), (96, 96))
    assert common_drift(*(np.float32(at(t) - 100) for t in (0, 1))).round().tolist() == [0, 12]


def test_zero_stays_zero() -> None:
    at = moved((9.0, -6.0), (96, 112))
    said, velocities = found(Observations.from_arrays(at(0), at(1)), "zero")
    assert velocities.shape == (1, 2, 96, 112)
    assert velocities.dtype == np.float32
    assert not velocities.any()
    assert said == []


def test_matching_gives_a_velocity_for_each_member() -> None:
    at = moved((9.0, -6.0), (40, 44))
    said, velocities = found(
        Observations.from_arrays(at(0), at(1)),
        "matched",
        model__members=3,
        physics__motion="steady",
    )
    assert velocities.shape == (3, 2, 40, 44)
    assert velocities.dtype == np.float32
    inner = velocities[:, :, 10:-10, 10:-10]
    assert np.abs(inner.mean(axis=(2, 3)) - [9.0, -6.0]).max() < 0.1
    assert not np.array_equal(velocities[0], velocities[1])
    done = [piece for piece, _, _ in said]
    assert done == sorted(done)
    assert done[0] == 0
    assert done[-1] < 4
    assert {total for _, total, _ in said} == {4}
    assert said[-1][2] == "Matching the images…"


@pytest.mark.parametrize("motion", ["steady", "inertial", "local"])
@pytest.mark.parametrize("stages", [1, 5])
def test_start_fields_of_a_translation_share_it_among_the_stages(motion: str, stages: int) -> None:
    velocities = np.zeros((3, 2, 20, 24), np.float32)
    velocities[:, 0], velocities[:, 1] = 4.0, -7.0
    velocities[:2, 0] += np.array([1.0, -1.0], np.float32)[:, None, None]
    chosen = Settings().updated({"model.stages": stages, "physics.motion": motion})
    fields = start_fields(Ensemble.equal(velocities), chosen)
    assert fields.shape == (stages, 2, 20, 24)
    assert fields.dtype == np.float32
    np.testing.assert_allclose(fields.sum(axis=0), velocities.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(fields, np.broadcast_to(fields[:1], fields.shape), atol=1e-5)


def test_start_fields_of_a_rotation_carry_one_end_to_the_other() -> None:
    """Bent ways are taken as the motion says, and lead one image onto the other."""
    at, shape = turning(0.3, (48, 48)), (48, 48)
    velocities = spin(0.3, shape).astype(np.float32)[None]
    grid = pixel_grid(*shape)
    errors = {}
    for motion in ("local", "inertial"):
        chosen = Settings().updated({"model.stages": 6, "physics.motion": motion})
        fields = torch.from_numpy(start_fields(Ensemble.equal(velocities), chosen))[None]
        places = Characteristics().trace(0, fields, grid, 0.5)
        first = torch.from_numpy(at(0)).float()[None, None]
        middle = sample(first, places, "spline")[0, 0].numpy()
        errors[motion] = np.abs(middle - at(0.5))[12:-12, 12:-12].max()
    assert errors["local"] < 1.0
    assert errors["inertial"] > 1.5 * errors["local"]
