"""Three observations: fields of each interval, frames at any time across both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray
import zarr
from tests.core.helpers import finished, moved, small_settings

from napari_latentdyn.cli import main
from napari_latentdyn.core.baselines import BASELINES, assess, describe_method, find_method
from napari_latentdyn.core.baselines.learned import Learned, Trained
from napari_latentdyn.core.dynamics.dataset import make_dataset
from napari_latentdyn.core.dynamics.motion import Motion
from napari_latentdyn.core.dynamics.result import Dynamics, frame_times
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.errors import ObservationError, ResumeError, SettingsError
from napari_latentdyn.export import export
from napari_latentdyn.settings import ImageSettings

#: The scene drifts by (5, -3) pixels in the unit of time; the second interval is twice as long.
DRIFT = np.array([5.0, -3.0])
TIMES = (10.0, 11.0, 13.0)


def observed(times: tuple[float, ...] = TIMES) -> Observations:
    at = moved(tuple(DRIFT))
    return Observations.from_arrays(*(at(time - TIMES[0]) for time in times), times=times)


@pytest.fixture(scope="module")
def series() -> Dynamics:
    settings = small_settings(training__steps=0, output__frames=1)
    return finished(fit(observed(), settings))[1]


def middle(fields: np.ndarray) -> np.ndarray:
    """Median motion away from the border, where nothing is seen to come in."""
    return np.median(fields[..., 16:-16, 16:-16], axis=(-2, -1))


def test_each_interval_has_its_own_fields(series: Dynamics) -> None:
    stages = series.settings.model.stages
    assert series.fields.shape == (2 * stages, 2, 64, 64)
    first, second = series.fields.reshape(2, stages, 2, 64, 64).sum(axis=1)
    np.testing.assert_allclose(middle(first), DRIFT, atol=0.2)
    np.testing.assert_allclose(middle(second), 2 * DRIFT, atol=0.3)
    np.testing.assert_allclose(
        series.field_times, [10, 10 + 1 / 3, 10 + 2 / 3, 11, 11 + 2 / 3, 12 + 1 / 3]
    )


def test_frames_at_any_time_across_all_intervals(series: Dynamics) -> None:
    at = moved(tuple(DRIFT))
    times = [10.0, 10.4, 11.0, 11.5, 12.75, 13.0]
    frames = series.frames(times)
    assert frames.shape == (6, 64, 64)
    inner = np.s_[20:-20, 20:-20]
    for time, frame in zip(times, frames, strict=True):
        truth = at(time - TIMES[0])
        mean = np.mean([observed().images[k, 0] for k in range(3)], axis=0)
        assert np.abs(frame - truth)[inner].mean() < 0.15 * np.abs(mean - truth)[inner].mean()
    np.testing.assert_allclose(frames[2], observed().images[1, 0], atol=1e-3)
    np.testing.assert_array_equal(series.frames(times[::-1]), frames[::-1])
    np.testing.assert_array_equal(series.times(), [10, 10.5, 11, 12, 13])
    for wrong in ([9.9], [13.1], [np.nan], []):
        with pytest.raises(SettingsError, match="between 10 and 13"):
            series.frames(wrong)


def test_a_series_is_not_compared_as_a_pair(series: Dynamics) -> None:
    two = observed(TIMES[:2])
    with pytest.raises(ObservationError, match="of these 2 images; got one of 3 images"):
        Trained("drift", lambda: series)(
            two, np.array([0.5]), should_stop=lambda: False, on_progress=lambda _: None
        )


@pytest.mark.parametrize("name", BASELINES)
def test_other_methods_work_from_interval_to_interval(name: str) -> None:
    observations = Observations.from_arrays(
        *(image[0] for image in observed().images), times=TIMES, settings=ImageSettings()
    )
    times, told = np.array([12.0, 10.0, 11.0, 13.0, 10.5]), []
    method = describe_method(name)
    if method.missing():
        pytest.skip(str(method.missing()))
    made = method.method(
        observations, times, should_stop=lambda: False, on_progress=lambda one: told.append(one)
    )
    for frame, image in ((1, 0), (2, 1), (3, 2)):
        np.testing.assert_array_equal(made.frames[frame], observations.images[image])
    for index, k, pair in ((0, 1, observations.interval(1)), (4, 0, observations.interval(0))):
        alone = method.method(
            pair, np.array([0.5]), should_stop=lambda: False, on_progress=lambda _: None
        )
        np.testing.assert_allclose(made.frames[index], alone.frames[0], rtol=1e-5)
        assert (made.velocity is None) == (alone.velocity is None)
        if made.velocity is not None and alone.velocity is not None:
            np.testing.assert_allclose(
                np.split(made.velocity, 2)[k], alone.velocity, atol=1e-5, rtol=1e-5
            )
    assert all(0 <= one.step <= one.total for one in told)
    found = assess(observations, made, times)
    np.testing.assert_allclose(found.intensity_error[1:4], 0, atol=1e-9)
    assert (found.end_error is None) == (made.velocity is None)
    assert found.end_error is None or found.end_error < 0.15
    with pytest.raises(SettingsError, match="between 10 and 13"):
        method.method(
            observations, np.array([0.5]), should_stop=lambda: False, on_progress=lambda _: None
        )


def test_a_result_of_a_series_is_compared_with_truth(series: Dynamics) -> None:
    times = np.array([10.0, 10.5, 12.0])
    truth = np.stack([moved(tuple(DRIFT))(time - TIMES[0])[None] for time in times])
    ask = {"should_stop": lambda: False, "on_progress": lambda _: None}
    for method in (Trained("drift", lambda: series), Learned(series.settings)):
        made = method(series.observations, times, **ask)
        assert made.velocity is not None
        assert made.velocity.shape == series.fields.shape
        found = assess(series.observations, made, times, truth, times)
        dissolved = find_method("dissolve")(series.observations, times, **ask)
        plain = assess(series.observations, dissolved, times, truth, times)
        for ours, other in zip(found.scores[1:], plain.scores[1:], strict=True):
            assert ours.psnr > other.psnr + 3
        assert found.end_error is not None
        assert found.end_error < 0.1


def test_times_of_settings_are_fractions_from_the_first_to_the_last_image() -> None:
    known = (0.1, 0.3, 0.7)
    chosen = small_settings(output__times=(0.25, 1.0))
    np.testing.assert_allclose(frame_times(chosen, known), [0.1, 0.25, 0.3, 0.7])
    np.testing.assert_allclose(frame_times(chosen), [0, 0.25, 1])


@pytest.mark.parametrize(
    ("asked", "times"),
    [
        (["--frames", "1"], [0, 0.5, 1, 2, 3]),
        (["--times", "11.5,13"], [1.5, 3]),
        (["--frames", "0"], [0, 1, 3]),
    ],
)
def test_frames_of_a_series_are_exported(
    series: Dynamics, tmp_path: Path, asked: list[str], times: list[float]
) -> None:
    folder, file = series.save(tmp_path / "run"), tmp_path / "run.nc"
    assert main(["export", str(folder), "-o", str(file), "-q", *asked]) == 0
    with xarray.open_dataset(file) as data:
        # 10 to 13 in the time of the images.
        np.testing.assert_allclose(data.time, times)
        np.testing.assert_allclose(data.fraction, np.array(times) / 3, rtol=1e-6)


def test_progress_of_frames_grows_to_all(series: Dynamics) -> None:
    told: list[tuple[int, int]] = []
    series.at([10.5, 11.0, 12.0, 12.5]).frames(on_frame=lambda *step: told.append(step))
    assert told[-1][0] == told[-1][1]
    assert np.all(np.diff([done / total for done, total in told]) >= 0)


def test_a_tracer_runs_through_all_observations(series: Dynamics) -> None:
    path = series.trajectories([[25.0, 40.0]], [10.0, 10.5, 11.0, 12.0, 13.0])[0]
    moved_by = np.outer([0, 0.5, 1, 2, 3], DRIFT)
    np.testing.assert_allclose(path - [25, 40], moved_by, atol=0.6)
    back = series.trajectories([path[-1]], [10.0], start_time=13.0)[0, 0]
    np.testing.assert_allclose(back, [25, 40], atol=0.1)


def test_rates_and_exports_know_how_long_each_stage_is() -> None:
    two, four, n = 2.0, 4.0, 3
    report = RunReport(observation_times=list(TIMES), interval={"value": two, "unit": "hour"})
    fields = np.zeros((2 * n, 2, 20, 24), np.float32)
    # Divergence 0.01 per stage.
    fields[:, 1] = 1 + 0.01 * np.arange(24)
    dynamics = Dynamics(small_settings(), fields, report)
    hours = np.repeat([two / n, four / n], n)
    np.testing.assert_allclose(dynamics.stage_durations, hours)
    assert (dynamics.duration, dynamics.time_unit) == (pytest.approx(two + four), "hour")
    np.testing.assert_allclose(dynamics.elapsed(TIMES), [0, two, two + four])
    without = Dynamics(small_settings(), fields, RunReport(observation_times=list(TIMES)))
    np.testing.assert_allclose(without.elapsed([10.5, 11.0, 12.0]), [n / 2, n, 1.5 * n])
    rates = dynamics.deformation()
    assert rates.rate_unit == "1/hour"
    np.testing.assert_allclose(rates.divergence[:, 5, 5], 0.01 / hours, rtol=1e-5)
    data = make_dataset(
        frames=np.zeros((3, 20, 24)),
        times=np.array([10.0, 11.0, 13.0]),
        velocity=fields,
        edges=np.append(dynamics.field_times, TIMES[-1]),
        interval=dynamics.interval,
    )
    np.testing.assert_allclose(data.time, [0, two, two + four])
    np.testing.assert_allclose(data.fraction, [0, 1 / 3, 1])
    np.testing.assert_allclose(data.velocity_x[:, 5, 0], 1 / hours)
    np.testing.assert_allclose(data.stage_bounds[:, 1], np.cumsum(hours))


def test_a_run_folder_keeps_all_of_it(series: Dynamics, tmp_path: Path) -> None:
    again = Dynamics.load(series.save(tmp_path / "run"))
    np.testing.assert_array_equal(again.fields, series.fields)
    np.testing.assert_array_equal(again.observation_times, TIMES)
    np.testing.assert_array_equal(again.times(), series.times())
    np.testing.assert_array_equal(again.frames(), series.frames())
    assert again.observations.same_as(series.observations)
    np.testing.assert_allclose(again.frames([12.3]), series.frames([12.3]), atol=1e-4)
    with np.load(tmp_path / "run" / "fields.npz") as file:
        assert file["velocity"].shape == (2, 3, 2, 64, 64)


def test_files_count_time_from_the_first_image(tmp_path: Path) -> None:
    settings = small_settings(
        training__steps=0, output__frames=1, images__interval=2.0, images__interval_unit="hour"
    )
    _, made = finished(fit(observed(), settings))
    folder = made.save(tmp_path / "run")
    with tifffile.TiffFile(folder / "frames.ome.tif") as file:
        planes = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]["Plane"]
    assert [plane["DeltaT"] for plane in planes] == [0, 1, 2, 4, 6]
    group = zarr.open_group(export(made.to_xarray(), tmp_path / "run.zarr"), mode="r")
    middles = [1 / 3, 1, 5 / 3, 8 / 3, 4, 16 / 3]
    np.testing.assert_allclose(group["fields"].attrs["latentdyn"]["time"], middles)
    for part in (group, group["fields"]):
        scale, shift = part.attrs["multiscales"][0]["datasets"][0]["coordinateTransformations"]
        # An axis that is not even counts planes.
        assert (scale["scale"][0], shift["translation"][0]) == (1, 0)


def test_training_sees_patches_of_all_intervals_and_goes_on() -> None:
    settings = small_settings(training__steps=4, training__batch_size=8)
    _, half = finished(fit(observed(), settings.updated({"training.steps": 2})))
    assert half.report.steps == 2
    _, whole = finished(fit(observed(), settings, resume=half.fitted.checkpoint))
    _, straight = finished(fit(observed(), settings))
    assert whole.report.steps == straight.report.steps == 4
    np.testing.assert_allclose(whole.fields, straight.fields, atol=0.05)


def test_a_change_of_brightness_goes_from_observation_to_observation() -> None:
    at = moved(tuple(DRIFT))
    images = (at(0), 0.7 * at(1) + 10, 0.5 * at(2) + 30)
    _, found = finished(fit(Observations.from_arrays(*images), small_settings(training__steps=0)))
    observations = found.observations
    assert observations.brightness is not None
    assert observations.brightness.shape == (3, 1, 2)
    np.testing.assert_allclose(observations.brightness[:, 0, 0], [1.0, 0.7, 0.5], atol=0.06)
    frames = found.frames([0.0, 1.0, 2.0])
    for frame, image in zip(frames, images, strict=True):
        np.testing.assert_allclose(frame[20:-20, 20:-20], image[20:-20, 20:-20], rtol=0.02)


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ((0, 0, 1), "increasing"),
        ((2, 1, 3), "increasing"),
        ((0, 1), "3 increasing"),
        ((0, 1, np.inf), "increasing"),
        (("now", "soon", "later"), "increasing"),
    ],
)
def test_times_must_increase(times: Any, says: str) -> None:
    images = np.random.default_rng(0).random((3, 20, 20))
    with pytest.raises(ObservationError, match=says):
        Observations.from_arrays(*images, times=times)
    with pytest.raises(ObservationError, match="at least two images are needed; got 1"):
        Observations.from_arrays(images[0])


@pytest.mark.parametrize(("times", "follow"), [(None, False), (TIMES, True)])
def test_two_images_are_one_interval_of_a_series(
    times: tuple[float, ...] | None, follow: bool
) -> None:
    """What is found between two neighbours depends on others only by an acceleration.

    At the true times there is none; at even times the second interval is twice as fast.
    """
    settings = small_settings(
        training__steps=0, images__normalisation="pair", physics__follow_series=follow
    )
    images = observed().images[:, 0]
    _, pair = finished(fit(Observations.from_arrays(*images[:2]), settings))
    _, series = finished(fit(Observations.from_arrays(*images, times=times), settings))
    stages = settings.model.stages
    difference = np.abs(series.fields[:stages] - pair.fields)[..., 16:-16, 16:-16]
    assert difference.mean() < 0.02


def test_the_acceleration_of_a_series_is_in_its_fields_and_frames(tmp_path: Path) -> None:
    """Three images of a scene whose speed doubles, and what a run folder keeps of it."""
    images = observed().images[:, 0]
    settings = small_settings(training__steps=0, output__frames=1)
    series = finished(fit(Observations.from_arrays(*images), settings))[1]
    stages = settings.model.stages
    first, second = middle(series.fields).reshape(2, stages, 2)
    # Half of the change of the velocity counts, where only one change is known.
    for fields, drift in ((first, DRIFT), (second, 2 * DRIFT)):
        change = (fields[-1] - fields[0]) * stages**2 / (stages - 1)
        np.testing.assert_allclose(change, 0.5 * DRIFT, atol=0.6)
        np.testing.assert_allclose(fields.sum(axis=0), drift, atol=0.4)
    again = Dynamics.load(series.save(tmp_path / "run"))
    np.testing.assert_allclose(again.frames([0.3, 1.5]), series.frames([0.3, 1.5]), atol=1e-4)
    assert again.fitted.ensembles[1].course is not None


def test_velocity_at_any_time_is_that_of_the_stage(series: Dynamics) -> None:
    assert series.interval is None
    found = series.velocity([10.0, 10.9, 11.0, 13.0])
    np.testing.assert_array_equal(found, series.fields[[0, 2, 3, 5]])
    np.testing.assert_array_equal(series.velocity(), series.fields)
    for wrong in ([9.9], [13.1], []):
        with pytest.raises(SettingsError, match="between 10 and 13"):
            series.velocity(wrong)
    with pytest.raises(SettingsError, match="times must be numbers; got"):
        series.frames(["noon"])


def test_velocity_is_per_unit_of_time_where_the_interval_is_known() -> None:
    interval = {"value": 2.0, "unit": "hour"}
    report = RunReport(observation_times=[0.0, 1.0, 3.0], interval=interval)
    fields = np.ones((4, 2, 4, 5), np.float32)
    # Stages of 1 h in the first interval, and of 2 h in the second.
    found = Motion(fields, report).velocity()
    np.testing.assert_allclose(found[:, 0, 0, 0], [1.0, 1.0, 0.5, 0.5])


def test_training_does_not_continue_with_other_images(series: Dynamics) -> None:
    before = series.fitted.checkpoint
    for other in (observed(TIMES[:2]), observed((*TIMES, 14.0))):
        with pytest.raises(ResumeError, match="images had another number or size"):
            finished(fit(other, series.settings, resume=before))
