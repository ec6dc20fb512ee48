"""Still regions, walls and a region of interest in a fit, its frames, tracers and maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.known.scenes import channel, grid, past_land
from numpy.typing import NDArray
from tests.core.known.helpers import fitted, knowing

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations

DRIFT = np.array([9.0, 6.0])


@pytest.fixture(scope="module")
def land() -> NDArray[np.bool_]:
    return past_land()[1]


@pytest.fixture(scope="module")
def images() -> list[NDArray[np.float64]]:
    return past_land()[0]


@pytest.fixture(scope="module")
def beside_land(images: list[NDArray[np.float64]], land: NDArray[np.bool_]) -> Dynamics:
    return fitted([images[0], images[2]], knowing(still=land))


def ice_error(dynamics: Dynamics, land: NDArray[np.bool_]) -> float:
    """Mean error of the displacement of ice that stays in the image, 2 pixels from its border."""
    points = np.argwhere(~land).astype(np.float64)
    points = points[(points + DRIFT < len(land) - 3).all(axis=1) & (points > 2).all(axis=1)]
    ends = dynamics.trajectories(points, [1.0], extend=True)[:, 0]
    return float(np.hypot(*(ends - points - DRIFT).T).mean())


def test_land_halves_the_error_of_the_ice_and_does_not_move(
    images: list[NDArray[np.float64]], land: NDArray[np.bool_], beside_land: Dynamics
) -> None:
    alone = fitted([images[0], images[2]])
    assert ice_error(beside_land, land) < 0.5 * ice_error(alone, land)
    assert not beside_land.fields[..., land].any()


def test_no_pixel_of_land_changes_in_any_frame(
    images: list[NDArray[np.float64]], land: NDArray[np.bool_], beside_land: Dynamics
) -> None:
    frames = beside_land.frames(np.linspace(0, 1, 9))
    known = np.asarray(images[0], np.float32)[land]
    np.testing.assert_array_equal(frames[:, land], np.broadcast_to(known, (9, len(known))))


def test_ice_next_to_the_coast_is_not_made_of_land(
    images: list[NDArray[np.float64]], land: NDArray[np.bool_], beside_land: Dynamics
) -> None:
    # Land is brighter by three standard deviations of the ice.
    near = np.roll(land, 3, axis=1) & ~land
    near[:12], near[-12:] = False, False
    error = (beside_land.frames([0.5])[0] - images[1])[near]
    alone = (fitted([images[0], images[2]]).frames([0.5])[0] - images[1])[near]
    assert np.sqrt((error**2).mean()) < 0.8 * np.sqrt((alone**2).mean())


def test_tracers_stay_on_land_and_do_not_enter_it(
    land: NDArray[np.bool_], beside_land: Dynamics
) -> None:
    starts = np.argwhere(land)[::7].astype(np.float64)
    paths = beside_land.trajectories(starts, [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(paths, np.repeat(starts[:, None], 3, axis=1))
    # Backwards in time, ice comes from the coast.
    ice = np.argwhere(~land & np.roll(land, 4, axis=1)).astype(np.float64)
    back = beside_land.trajectories(ice, np.linspace(0, 1, 9), 1.0, extend=True)
    places = np.clip(np.rint(back), 0, len(land) - 1).astype(int)
    assert not land[places[..., 0], places[..., 1]].any()


def test_labels_of_land_stay_and_maps_end_at_the_coast(
    land: NDArray[np.bool_], beside_land: Dynamics
) -> None:
    labels = np.where(land, 1, 2)
    carried = beside_land.carry(labels, [0.0, 0.5, 1.0])
    assert (carried[:, land] == 1).all()
    assert not (carried[:, ~land] == 1).any()
    divergence = beside_land.deformation().divergence
    assert not divergence[:, land].any()
    # The jump of the velocity at the coast is 6 pixels; it is not a divergence of the ice.
    assert np.abs(divergence[:, ~land]).max() < 0.5 * 6 / len(beside_land.fields)


def test_a_saved_run_keeps_its_regions(
    land: NDArray[np.bool_], beside_land: Dynamics, tmp_path: Path
) -> None:
    beside_land.save(tmp_path / "run")
    again = Dynamics.load(tmp_path / "run")
    assert again.observations.known.sentence() == "1 mask"
    times = [0.0, 0.3, 1.0]
    np.testing.assert_array_equal(again.frames(times), beside_land.frames(times))
    points = grid(5, 90, 17)
    np.testing.assert_array_equal(
        again.trajectories(points, times), beside_land.trajectories(points, times)
    )


def test_nothing_flows_through_a_wall_and_the_flow_along_is_free() -> None:
    images, wall, speed = channel()
    moved = fitted(images, knowing(wall=wall)).fields.sum(axis=0)
    inner = np.flatnonzero(speed > 0)
    edges = [inner[0], inner[-1]]
    through, along = np.abs(moved[0, edges]).sum(), np.abs(moved[1, inner]).mean() * len(speed)
    assert through < 1e-3 * along
    assert np.abs(moved[1, inner] - speed[inner, None])[:, 12:-12].mean() < 0.3
    still = fitted(images, knowing(still=wall)).fields.sum(axis=0)
    # A still region alone lets the flow leave its edge.
    assert np.abs(still[0, edges]).sum() > 10 * through


def test_a_region_of_interest_is_computed_alone() -> None:
    images, _ = past_land(160)
    chosen = np.zeros((160, 160), bool)
    chosen[60:90, 100:130] = True
    dynamics = fitted([images[0], images[2]], knowing(interest=chosen))
    frames = dynamics.frames([0.0, 0.5, 1.0])
    assert np.isfinite(frames[:, chosen]).all()
    assert np.isnan(frames[:, ~chosen]).all()
    spread = float(np.std(images[1][chosen]))
    assert np.sqrt(((frames[1] - images[1])[chosen] ** 2).mean()) < 0.1 * spread
    moved = dynamics.fields.sum(axis=0)[:, chosen]
    np.testing.assert_allclose(moved.mean(axis=1), DRIFT, atol=0.05)
    assert np.isnan(dynamics.velocity()[..., ~chosen]).all()
    assert np.isnan(dynamics.deformation().shear[:, ~chosen]).all()
    paths = dynamics.trajectories([[10.0, 10.0], [70.0, 115.0]], [0.0, 1.0])
    assert np.isnan(paths[0]).all()
    np.testing.assert_allclose(paths[1, 1], [79, 121], atol=0.3)


def test_regions_of_one_image_each_block_only_where_both_have_them() -> None:
    images, land = past_land()
    second = land.copy()
    second[:40] = False
    dynamics = fitted([images[0], images[2]], knowing(still=np.stack([land, second])))
    assert not dynamics.fields[..., land & second].any()
    np.testing.assert_array_equal(dynamics.regions.blocked_intervals, [land & second])


def test_known_regions_do_not_change_a_fit_without_them(
    images: list[NDArray[np.float64]],
) -> None:
    plain = Observations.from_arrays(images[0], images[2])
    assert plain.known.is_empty
    nowhere = fitted([images[0], images[2]], knowing())
    np.testing.assert_array_equal(nowhere.fields, fitted([images[0], images[2]]).fields)


def test_land_is_certain_and_ice_is_measured(
    land: NDArray[np.bool_], beside_land: Dynamics
) -> None:
    assert not beside_land.velocity_std()[:, land].any()
    assert beside_land.is_measured()[:, land].all()
    assert not beside_land.frame_std([0.5])[:, land].any()
    assert (beside_land.confidence([0.5])[:, land] == 1).all()
    assert np.median(beside_land.velocity_std()[:, ~land]) > 0
    assert np.nanmedian(beside_land.frame_std([0.5])[:, ~land]) > 0


def test_sparse_sources_act_in_their_region_alone() -> None:
    images, _ = past_land()
    crack = np.zeros(images[0].shape, bool)
    crack[66:70, 45:80] = True
    last, allowed = np.where(crack, 20.0, images[2]), np.zeros_like(crack)
    allowed[60:75] = True
    inside, elsewhere = (
        fitted([images[0], last], knowing(source=mask), physics__equation="sparse_source")
        .fitted.coefficients[0]["sudden"]
        .astype(bool)
        for mask in (allowed, ~allowed)
    )
    assert inside[crack].mean() > 0.5
    assert not inside[:55].any()
    assert not elsewhere[crack].any()
