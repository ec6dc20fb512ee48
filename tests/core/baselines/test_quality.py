"""Measures of frames and fields against what is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from napari_latentdyn.core.baselines import Interpolation, assess, find_method, score
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.errors import ObservationError, SettingsError

TIMES = np.array([0.0, 0.25, 0.5, 1.0])


@pytest.fixture(scope="module")
def scene() -> NDArray[np.float32]:
    noise = np.random.default_rng(3).normal(size=(80, 80))
    return ndimage.gaussian_filter(noise, 3).astype(np.float32)


def moved(scene: NDArray[np.float32], way: tuple[float, float]) -> NDArray[np.float32]:
    return ndimage.shift(scene, way, order=5, mode="wrap")[8:72, 8:72]


def made_of(
    pair: Observations, velocity: NDArray[np.floating] | None, times: NDArray[np.float64] = TIMES
) -> Interpolation:
    t = times[:, None, None, None]
    frames = ((1 - t) * pair.images[0] + t * pair.images[1]).astype(np.float32)
    return Interpolation(frames, None if velocity is None else velocity.astype(np.float32))


def constant(way: tuple[float, float], stages: int = 4) -> NDArray[np.float64]:
    return np.broadcast_to(np.reshape(way, (2, 1, 1)), (stages, 2, 64, 64)) / stages


# Without truth --------------------------------------------------------------------


@pytest.mark.parametrize("way", [(3.0, -2.0), (0.5, 4.25)])
@pytest.mark.parametrize("stages", [1, 6])
def test_the_exact_field_of_a_translation_fits(
    scene: NDArray[np.float32], way: tuple[float, float], stages: int
) -> None:
    pair = Observations.from_arrays(moved(scene, (0, 0)), moved(scene, way))
    exact = assess(pair, made_of(pair, constant(way, stages)), TIMES)
    # Whole pixels need no interpolation; beside the border that knows no values beyond it.
    allowed = 1e-5 if way == (3.0, -2.0) else 5e-3
    for error in (exact.end_error_on, exact.end_error_back):
        assert error is not None
        assert error < allowed
    assert exact.consistency_error is not None
    assert exact.consistency_error < 5e-3
    still = assess(pair, made_of(pair, constant((0, 0), stages)), TIMES)
    plain = np.sqrt(np.mean((pair.images[0] - pair.images[1]) ** 2)) / np.ptp(
        [pair.images[0], pair.images[1]]
    )
    assert still.end_error_on == pytest.approx(plain, rel=1e-4)
    assert still.consistency_error == pytest.approx(plain, rel=1e-4)
    assert exact.end_error is not None
    assert exact.end_error < still.end_error_on / 20


def test_the_exact_field_of_a_rotation_fits() -> None:
    angle = np.deg2rad(12)
    rows, columns = np.indices((64, 64)) - 31.5

    def at(turn: float) -> NDArray[np.float64]:
        y = np.cos(turn) * rows - np.sin(turn) * columns
        x = np.sin(turn) * rows + np.cos(turn) * columns
        return np.sin(0.3 * y) + np.cos(0.25 * x)

    pair = Observations.from_arrays(at(0.0), at(angle))
    # What is at x has come from where the pattern is turned less: dx/dt = (columns, -rows).
    field = angle * np.stack([columns, -rows]) / 8
    right, wrong = (
        assess(pair, made_of(pair, np.broadcast_to(sign * field, (8, 2, 64, 64))), TIMES).end_error
        for sign in (1, -1)
    )
    assert right is not None
    assert right < 3e-3
    assert wrong is not None
    assert wrong > 50 * right


def test_what_is_carried_in_from_outside_does_not_count(scene: NDArray[np.float32]) -> None:
    pair = Observations.from_arrays(moved(scene, (0, 0)), moved(scene, (3, 0)))
    far = assess(pair, made_of(pair, constant((200.0, 0.0))), TIMES)
    assert far.end_error_on is None
    assert far.end_error is None
    assert far.consistency_error is None


def test_missing_pixels_do_not_count(scene: NDArray[np.float32]) -> None:
    way = (3.0, -2.0)
    first, last = moved(scene, (0, 0)).copy(), moved(scene, way).copy()
    first[30:40, 10:20] = np.nan
    last[5:15, 40:50] = np.nan
    pair = Observations.from_arrays(first, last)
    found = assess(pair, made_of(pair, constant(way)), TIMES)
    assert found.end_error is not None
    assert found.end_error < 5e-3


def test_a_dissolve_has_no_field_and_keeps_the_intensity(scene: NDArray[np.float32]) -> None:
    pair = Observations.from_arrays(moved(scene, (0, 0)), moved(scene, (4, 4)) + 3)
    made = find_method("dissolve")(
        pair, TIMES, should_stop=lambda: False, on_progress=lambda _: None
    )
    found = assess(pair, made, TIMES)
    assert found.end_error is None
    assert found.consistency_error is None
    assert found.conservation_error < 1e-6


@given(excess=st.floats(-0.5, 0.5), offset=st.floats(-100, 100))
@settings(deadline=None, max_examples=25)
def test_lost_and_gained_intensity(excess: float, offset: float) -> None:
    rng = np.random.default_rng(0)
    first, last = rng.random((2, 32, 32)) + offset
    pair = Observations.from_arrays(first, last)
    frames = made_of(pair, None).frames.copy()
    ends = np.stack([pair.images[0], pair.images[1]]).astype(np.float64)
    mass = (ends - ends.min()).sum(axis=(1, 2, 3)).mean()
    frames[2] += np.float32(excess * mass / (32 * 32))
    found = assess(pair, Interpolation(frames), TIMES)
    assert found.intensity_error[2] == pytest.approx(excess, abs=2e-4)
    assert found.conservation_error == pytest.approx(abs(excess), abs=2e-4)
    assert np.abs(found.intensity_error[[0, 1, 3]]).max() < 2e-4


def test_pixels_without_a_value_are_left_out_of_the_total(scene: NDArray[np.float32]) -> None:
    pair = Observations.from_arrays(moved(scene, (0, 0)), moved(scene, (4, 4)))
    made = made_of(pair, None)
    made.frames[1, :, :30] = np.nan
    assert assess(pair, made, TIMES).conservation_error < 1e-6


# With truth -----------------------------------------------------------------------


def test_a_known_error_has_known_scores(scene: NDArray[np.float32]) -> None:
    pair = Observations.from_arrays(moved(scene, (0, 0)), moved(scene, (4, 4)))
    made = made_of(pair, None)
    span = float(np.ptp([pair.images[0], pair.images[1]]))
    truth = made.frames[[1, 2]] + np.float32(0.1 * span)
    found = assess(pair, made, TIMES, truth, [0.25, 0.5])
    assert [s.psnr for s in found.scores] == pytest.approx([20, 20], abs=1e-3)
    # A constant has no gradient.
    assert found.mean("gradient_error") == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(found.errors, 0.1 * span, rtol=1e-4)
    described = found.to_dict()
    assert [frame["time"] for frame in described["frames"]] == [0.25, 0.5]
    assert described["psnr"] == pytest.approx(20, abs=1e-3)


def test_the_gradient_error_of_a_slope() -> None:
    rows = np.indices((64, 64))[0].astype(np.float32)
    pair = Observations.from_arrays(rows, rows[::-1].copy())
    inner = rows.copy()
    # Pixels beside the border see it, and are left out as missing ones.
    inner[:6] = inner[-6:] = np.nan
    found = score(pair, 1.5 * rows[None], inner[None])
    assert found.gradient_error == pytest.approx(0.5 / 63, rel=0.15)
    assert score(pair, rows[None], rows[None]).gradient_error == 0


def test_missing_true_pixels_are_missing_in_the_map(scene: NDArray[np.float32]) -> None:
    pair = Observations.from_arrays(moved(scene, (0, 0)), moved(scene, (4, 4)))
    made = made_of(pair, None)
    truth = made.frames[[2]].copy()
    truth[..., :7] = np.nan
    found = assess(pair, made, TIMES, truth, [0.5])
    assert np.isnan(found.errors[..., :7]).all()
    assert (found.errors[..., 7:] == 0).all()
    assert found.scores[0].psnr == np.inf


def test_true_frames_are_evenly_spaced_unless_times_are_given(
    scene: NDArray[np.float32],
) -> None:
    pair = Observations.from_arrays(moved(scene, (0, 0)), moved(scene, (4, 4)))
    times = np.linspace(0, 1, 4)
    made = made_of(pair, None, times)
    found = assess(pair, made, times, made.frames[1:-1])
    np.testing.assert_allclose(found.truth_times, [1 / 3, 2 / 3])
    assert found.errors.max() == 0


def test_truth_that_does_not_fit_is_refused(scene: NDArray[np.float32]) -> None:
    pair = Observations.from_arrays(moved(scene, (0, 0)), moved(scene, (4, 4)))
    made = made_of(pair, None)
    with pytest.raises(SettingsError, match=r"no frame at the time 0\.3"):
        assess(pair, made, TIMES, made.frames[[1]], [0.3])
    with pytest.raises(SettingsError, match="one for each"):
        assess(pair, made, TIMES, made.frames[[1]], [0.25, 0.5])
    with pytest.raises(ObservationError, match="must agree"):
        assess(pair, made, TIMES, made.frames[[1]][..., :5], [0.25])


def test_without_truth_there_are_no_scores(scene: NDArray[np.float32]) -> None:
    pair = Observations.from_arrays(moved(scene, (0, 0)), moved(scene, (4, 4)))
    found = assess(pair, made_of(pair, None), TIMES)
    assert found.scores == ()
    assert found.errors.shape == (0, 1, 64, 64)
    assert found.mean("psnr") is None
    assert "psnr" not in found.to_dict()
