"""The one schema of a result as a Dataset."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from tests.conftest import dynamics_of
from tests.export.conftest import report_of

from napari_latentdyn.core.dynamics.dataset import at_times, make_dataset
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.errors import ExportError, GeometryError
from napari_latentdyn.settings import Settings

FRAMES = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
TIMES = np.array([0.0, 0.25, 1.0])
VELOCITY = np.tile(np.array([2.0, -1.0], np.float32)[:, None, None], (2, 1, 4, 5))


def test_frames_alone():
    data = make_dataset(frames=FRAMES, times=TIMES)
    assert set(data.data_vars) == {"frames"}
    assert "stage_time" not in data.coords
    np.testing.assert_array_equal(data.time, TIMES)
    np.testing.assert_array_equal(data.x, np.arange(5))
    assert {data[name].attrs["units"] for name in ("time", "y", "x", "frames")} == {"1"}


def test_velocities_are_along_the_axes_of_the_world():
    place = Geometry(((10.0, 0, 3.0), (0, -20.0, 4.0), (0, 0, 1)), ("meter", "meter"))
    data = make_dataset(
        frames=FRAMES, times=TIMES, velocity=VELOCITY, placement=place, interval=(4.0, "hour")
    )
    np.testing.assert_allclose(data.stage_bounds, [[0, 2], [2, 4]])
    np.testing.assert_allclose(data.stage_time, [1, 3])
    # A stage takes two hours.
    np.testing.assert_allclose(data.velocity_y, 2.0 * 10 / 2)
    np.testing.assert_allclose(data.velocity_x, -1.0 * -20 / 2)
    assert data.velocity_x.dtype == np.float32
    np.testing.assert_allclose(data.x[:2], [4, -16])


def test_a_run_folder_gives_the_dataset_of_its_parts(tmp_path):
    latents = np.ones((3, 2, 4, 5), np.float32)
    confidence = np.full((3, 4, 5), 0.5, np.float32)
    report = {"version": "1.0", "placement": {"scale": [2.0, 2.0], "units": ["km", "km"]}}
    report["interval"] = {"value": 6.0, "unit": "hour"}
    settings = Settings().updated({"output.latents": True, "output.confidence": True})
    given = {"times": TIMES, "settings": settings, "latents": latents, "confidence": confidence}
    made = dynamics_of(FRAMES, VELOCITY, report, **given)
    data = Dynamics.load(made.save(tmp_path / "drift")).to_xarray()
    same = make_dataset(
        frames=FRAMES,
        times=TIMES,
        velocity=VELOCITY,
        observation_times=np.array([0.0, 1.0]),
        settings=settings.model_dump(mode="json"),
        report=RunReport(version="1.0"),
        placement=Geometry.from_pixel_size(2.0, "km"),
        interval=(6.0, "hour"),
        title="drift",
        latents=latents,
        confidence=confidence,
    )
    assert data.identical(same)
    assert data.encoding["source"] == str(tmp_path / "drift")
    assert json.loads(data.attrs["settings"]) == settings.model_dump(mode="json")


def test_some_of_the_times():
    data = make_dataset(frames=FRAMES, times=TIMES, velocity=VELOCITY)
    data.encoding["source"] = "run"
    chosen = at_times(data, [1.0, 0.25])
    np.testing.assert_array_equal(chosen.frames, FRAMES[[2, 1]])
    np.testing.assert_array_equal(chosen.velocity_x, data.velocity_x)
    assert chosen.encoding["source"] == "run"
    with pytest.raises(ExportError, match=r"no frame at 0\.3 of the interval"):
        at_times(data, [0.25, 0.3])


@pytest.mark.parametrize("wkt", ["LOCAL", None])
def test_any_reference_system_is_kept(wkt):
    wkt = wkt or rasterio.crs.CRS.from_epsg(3413).to_wkt()
    geo = {"crs_wkt": wkt, "transform": [100, 0, 5e5, 0, -100, -1.2e6], "units": "metre"}
    data = make_dataset(frames=FRAMES, times=TIMES, report=report_of({"geo": geo}))
    reference = data.spatial_ref.attrs
    assert reference["spatial_ref"] == reference["crs_wkt"] == wkt
    assert reference["GeoTransform"] == "500000.0 100.0 0.0 -1200000.0 0.0 -100.0"
    assert ("grid_mapping_name" in reference) == (wkt != "LOCAL")
    assert data.frames.attrs["grid_mapping"] == "spatial_ref"
    np.testing.assert_allclose(data.y[:2], [-1200050, -1200150])


def test_the_unit_of_time_has_to_be_known():
    with pytest.raises(GeometryError, match="there is no unit 'banana'"):
        make_dataset(frames=FRAMES, times=TIMES, interval=(6.0, "banana"))
