"""One call from two arrays to a result, and what is derived from it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray
from tests.core.helpers import moved, remade

from napari_latentdyn import Deformation, Dynamics, fit_pair
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.runfolder.schema import PlacementReport
from napari_latentdyn.core.training.fit import Progress
from napari_latentdyn.errors import (
    GeometryError,
    ObservationError,
    SettingsError,
    Stopped,
)
from napari_latentdyn.settings.names import full_name, full_names

DRIFT = (5.0, -3.0)


def small(**more: Any) -> Dynamics:
    at = moved(DRIFT)
    return fit_pair(at(0), at(1), preset="quick", device="cpu", stages=3, **more)


@pytest.fixture(scope="module")
def learned() -> Dynamics:
    """A drift of (5, -3) pixels of 100 m in 6 hours."""
    return small(pixel_size=100.0, units="meter", offset=(1000.0, 0.0), interval=6.0)


# The call -----------------------------------------------------------------------------------


def test_settings_by_any_name(learned):
    assert learned.settings.model.stages == 3
    assert learned.settings.training.steps == 0
    assert learned.settings.images.interval == 6.0
    assert full_name("training.steps") == "training.steps"
    assert full_name("training__steps") == "training.steps"
    assert full_name("steps") == "training.steps"
    assert full_names({"patches.size": 32, "stride": 16}) == {
        "patches.size": 32,
        "patches.stride": 16,
    }


def test_every_last_name_is_found_or_refused():
    from napari_latentdyn.settings import iter_fields

    names = [name for name, _ in iter_fields()]
    for name in names:
        last = name.partition(".")[2]
        if sum(other.endswith(f".{last}") for other in names) == 1:
            assert full_name(last) == name
        else:
            with pytest.raises(SettingsError, match="give the whole name"):
                full_name(last)
        assert full_name(name.replace(".", "__")) == name


def test_unknown_names_are_refused_with_the_nearest():
    image = np.zeros((16, 16))
    for name, nearest in (
        ("stpes", "steps"),
        ("training__stepz", "training.steps"),
        ("model.stagess", "model.stages"),
    ):
        with pytest.raises(SettingsError, match=f"did you mean '{nearest}'"):
            fit_pair(image, image, **{name: 3})
    with pytest.raises(SettingsError, match=r"given twice, as 'steps' and as 'training__steps'"):
        fit_pair(image, image, steps=1, training__steps=2)
    with pytest.raises(SettingsError, match="no preset 'fast'"):
        fit_pair(image, image, preset="fast")
    with pytest.raises(SettingsError, match=r"model\.stages"):
        fit_pair(image, image, stages=0)


def test_wrong_images_and_scales_are_refused_before_anything_is_learned():
    at = moved(DRIFT)
    with pytest.raises(ObservationError, match="same grid"):
        fit_pair(at(0), at(1)[:32], preset="quick")
    with pytest.raises(GeometryError, match="units"):
        fit_pair(at(0), at(1), preset="quick", pixel_size=3.0)
    with pytest.raises(GeometryError, match=r"no unit 'banana'; known are pixel, meter"):
        fit_pair(at(0), at(1), preset="quick", pixel_size=3.0, units="banana")
    with pytest.raises(SettingsError, match=r"interval_unit.*'second', 'minute', 'hour' or 'day'"):
        fit_pair(at(0), at(1), preset="quick", interval=3.0, interval_unit="banana")


def test_progress_is_told_and_a_stop_is_heard():
    seen: list[Progress] = []
    dynamics = small(
        progress=seen.append, initial_fields="zero", steps=3, size=(32, 32), stride=(16, 16)
    )
    assert [p.step for p in seen if p.phase == "train"] == [1, 2, 3]
    assert dynamics.settings.output.preview
    with pytest.raises(Stopped):
        small(should_stop=lambda: True)


def test_channels_and_masks_are_passed_on():
    at = moved(DRIFT)
    colours = [np.stack([at(t), 200 - at(t)], axis=-1) for t in (0, 1)]
    mask = np.zeros((64, 64), bool)
    mask[:4] = True
    dynamics = fit_pair(
        *colours, preset="quick", channel_axis=-1, mask_first=mask, initial_fields="zero"
    )
    assert dynamics.frames([0.5]).shape == (1, 2, 64, 64)
    assert not dynamics.observations.valid[0][:4].any()


# What follows -------------------------------------------------------------------------------


def test_tracers_drift_along(learned):
    points = [[30.0, 30.0], [40.0, 25.0]]
    paths = learned.trajectories(points)
    assert paths.shape == (2, len(learned.times()), 2)
    assert np.abs(paths[:, -1] - points - DRIFT).max() < 0.5
    linear = learned.trajectories(points, interpolation="linear")
    assert 0 < np.abs(linear - paths).max() < 0.1
    back = learned.trajectories(points, times=[0.0], start_time=1.0)
    assert np.abs(back[:, 0] - points + DRIFT).max() < 0.5


def test_rates_have_real_units(learned):
    rates = learned.deformation()
    assert isinstance(rates, Deformation)
    assert (rates.speed_unit, rates.rate_unit) == ("meter/hour", "1/hour")
    expected = np.hypot(*DRIFT) * 100 / 6
    assert np.median(rates.speed) == pytest.approx(expected, rel=0.1)
    smoothed = learned.deformation(smooth=4.0)
    assert smoothed.total.mean() < rates.total.mean()


def test_what_is_not_known_is_told_in_pixels_and_stages(learned):
    plain = remade(learned, report={"interval": None, "placement": None})
    assert plain.placement == Geometry()
    assert plain.deformation().speed_unit == "pixel/stage"
    sheared = PlacementReport(shear=[[1.0, 0.5], [0.0, 1.0]])
    plain = remade(learned, report={"placement": sheared})
    with pytest.raises(GeometryError, match="sheared"):
        plain.deformation()


def test_dataset(learned):
    data = learned.to_xarray([0.0, 0.25, 1.0])
    assert data.frames.dims == ("time", "y", "x")
    np.testing.assert_array_equal(data.frames, learned.frames([0.0, 0.25, 1.0]))
    np.testing.assert_allclose(data.time, [0.0, 1.5, 6.0])
    np.testing.assert_allclose(data.fraction, [0.0, 0.25, 1.0])
    np.testing.assert_allclose(data.stage_time, [1.0, 3.0, 5.0])
    np.testing.assert_allclose(data.y[:2], [1000.0, 1100.0])
    assert (data.time.units, data.x.units, data.velocity_x.units) == ("h", "m", "m h-1")
    # Three pixels of 100 m to the left, five down, in six hours.
    assert float(data.velocity_x.median()) == pytest.approx(-300 / 6, rel=0.1)
    assert float(data.velocity_y.median()) == pytest.approx(500 / 6, rel=0.1)
    assert data.sel(x=3000.0, method="nearest").velocity_x.dims == ("stage_time", "y")


def test_dataset_without_scale_and_interval(learned):
    plain = remade(learned, report={"interval": None, "placement": None})
    data = plain.to_xarray()
    np.testing.assert_allclose(data.time, plain.times())
    np.testing.assert_allclose(data.velocity_x, learned.fields[:, 1] * 3, rtol=1e-6)
    assert (data.time.units, data.x.units, data.velocity_y.units) == ("1", "1", "1")
    assert "per interval" in data.velocity_y.long_name


def test_dataset_of_an_image_whose_scale_counts_downwards(learned):
    downwards = PlacementReport(scale=[-100.0, 100.0], units=["meter", "meter"])
    flipped = remade(learned, report={"placement": downwards})
    data = flipped.to_xarray([0.0])
    assert float(data.y[1]) == -100.0
    # Down in the image is towards smaller y.
    assert float(data.velocity_y.median()) == pytest.approx(-500 / 6, rel=0.1)


def test_dataset_survives_netcdf(learned, tmp_path):
    data = learned.to_xarray([0.0, 0.5])
    data.to_netcdf(tmp_path / "run.nc", engine="scipy")
    with xarray.open_dataset(tmp_path / "run.nc", engine="scipy") as again:
        for name in data.variables:
            np.testing.assert_array_equal(again[name], data[name])
            assert again[name].attrs == data[name].attrs
        assert again.attrs == data.attrs


def test_scale_and_interval_are_kept_in_a_run_folder(learned, tmp_path):
    folder = learned.at([0.0, 1.0]).save(tmp_path / "run")
    report = json.loads((folder / "report.json").read_text())
    assert report["placement"]["scale"] == [100.0, 100.0]
    assert report["interval"] == {"value": 6.0, "unit": "hour"}
    again = Dynamics.load(folder)
    assert again.geometry.pixel_size == (100.0, 100.0)
    assert again.geometry.offset == (1000.0, 0.0)
    assert again.deformation().speed_unit == "meter/hour"
    assert again.geometry == learned.geometry
    assert again.interval == (6.0, "hour")
    np.testing.assert_array_equal(again.deformation(1.0).total, learned.deformation(1.0).total)
