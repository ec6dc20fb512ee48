"""Export formats in napari's save dialogs, read back with other tools."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest
import rasterio
import rioxarray  # noqa: F401  registers the accessor
import tifffile
import xarray as xr
import zarr
from napari.components import ViewerModel
from napari.layers import Layer
from tests.core.helpers import finished

from napari_latentdyn import Observations, fit
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.export import export, grid
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.exports import layer_dataset, write_zarr
from napari_latentdyn.viewer.images import write_image_file
from napari_latentdyn.viewer.layers import METADATA_KEY

PLACE = Geometry.from_pixel_size((10.0, 20.0), "meter", (3.0, 4.0))


def viewer_with(tuples: list[Any]) -> ViewerModel:
    viewer = ViewerModel()
    for data, meta, kind in tuples:
        viewer.add_layer(Layer.create(data, meta, kind))
    return viewer


def save(viewer: ViewerModel, path: Any, layers: list[Any]) -> list[str]:
    viewer.layers.selection = set(layers)
    return [str(p) for p in viewer.layers.save(str(path), selected=True)]


def test_zarr(plugin, layers, run, tmp_path):
    viewer = viewer_with(layers(placement=PLACE))
    written = save(viewer, tmp_path / "a.zarr", [viewer.layers[0]])
    assert written == [str(tmp_path / "a.zarr")]
    group = zarr.open_group(written[0], mode="r")
    np.testing.assert_array_equal(group["0"][:], run.frames())
    image = group.attrs["multiscales"][0]
    assert [axis.get("unit") for axis in image["axes"]] == ["hour", "meter", "meter"]
    scale, shift = image["datasets"][0]["coordinateTransformations"]
    assert scale["scale"] == pytest.approx([2.0, 10.0, 20.0])
    assert shift["translation"] == pytest.approx([0.0, 3.0, 4.0])


def test_netcdf(plugin, layers, run, tmp_path):
    viewer = viewer_with(layers(placement=PLACE))
    written = save(viewer, tmp_path / "a.nc", [viewer.layers[0]])
    with xr.open_dataset(written[0]) as data:
        np.testing.assert_array_equal(data.frames, run.frames())
        np.testing.assert_allclose(data.time, [0, 2, 4, 6])
        assert data.time.attrs["units"] == "h"
        np.testing.assert_allclose(data.y[:2], [3, 13])


def test_layers_of_a_series_keep_its_times(layers, tmp_path):
    report = {
        "observation_times": [10.0, 11.0, 13.0],
        "interval": {"value": 2.0, "unit": "hour"},
    }
    times = np.array([10.0, 11.0, 12.0, 13.0])
    velocity = np.ones((4, 2, 12, 16), np.float32)
    image = layers(report=report, times=times, velocity=velocity)[0]
    data = layer_dataset(*image[:2])
    np.testing.assert_allclose(data.time, [0, 2, 4, 6])
    np.testing.assert_allclose(data.fraction, [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_array_equal(data.observed, [1, 1, 0, 1])
    bright = np.zeros((4, 12, 16), np.float32)
    bright[1], bright[2] = 5.0, 100.0
    series = layers(report=report, times=times, velocity=velocity, frames=bright)[0]
    # The contrast is that of all images.
    assert series[1]["contrast_limits"] == (0.0, 5.0)
    changes = {"times": times[[0, 1, 3]], "frames": np.zeros((3, 12, 16), np.float32)}
    uneven = layers(report=report, velocity=velocity, **changes)[0]
    write_image_file(tmp_path / "a.ome.tif", *uneven[:2])
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        planes = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]["Plane"]
    assert [plane["DeltaT"] for plane in planes] == [0, 2, 6]


def test_movies(plugin, layers, tmp_path):
    viewer = viewer_with(layers())
    viewer.layers[0].colormap = "viridis"
    written = save(viewer, tmp_path / "a.mp4", [viewer.layers[0]])
    with av.open(written[0]) as file:
        assert file.streams.video[0].codec_context.name == "h264"
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(frames) == 4
    # It has the colours of the layer.
    assert np.ptp(frames[0].astype(int), axis=-1).mean() > 30


def test_a_script_dropped_onto_napari(make_napari_viewer, drifting, tmp_path):
    """It is a run of layers: the script finds its images in the run folder."""
    from napari.utils.io import execute_python_code

    settings = Settings.preset("paper").updated(
        {
            "training.steps": 2,
            "model.stages": 2,
            "model.unet_width": 2,
            "model.encoder_width": 2,
            "model.latent_channels": 2,
            "patches.size": (32, 32),
            "patches.stride": (32, 32),
        }
    )
    pair = Observations.from_arrays(drifting(0.0), drifting(1.0), settings=settings.images)
    _, dynamics = finished(fit(pair.described(PLACE, ()), settings))
    folder = dynamics.save(tmp_path / "drift")
    path = export(Dynamics.load(folder).to_xarray(), tmp_path / "drift.py")
    assert "Settings.preset('paper')" in path.read_text()
    viewer = make_napari_viewer()
    execute_python_code(path.read_text(), path)
    assert [layer.name for layer in viewer.layers] == ["drift frames", "drift motion"]
    np.testing.assert_array_equal(viewer.layers[0].data, dynamics.frames())
    np.testing.assert_allclose(viewer.layers[0].scale[1:], (10, 20))


@pytest.mark.parametrize(
    ("shape", "rgb", "frames"),
    [
        ((12, 16), False, (1, 12, 16)),
        ((5, 12, 16), False, (5, 12, 16)),
        ((2, 5, 12, 16), False, (5, 2, 12, 16)),
        ((12, 16, 3), True, (1, 3, 12, 16)),
        ((5, 12, 16, 3), True, (5, 3, 12, 16)),
    ],
)
def test_layers_of_any_origin(shape, rgb, frames):
    data = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    layer = Layer.create(data, {"rgb": rgb, "name": "own"}, "image")
    made = layer_dataset(*layer.as_layer_data_tuple()[:2])
    assert made.frames.shape == frames
    assert made.frames.dtype == np.uint8
    assert grid.is_rgb(made) == rgb
    assert grid.time_unit(made) is None


def test_times_of_other_layers():
    meta = {"scale": (0.5, 1, 1), "translate": (2, 0, 0), "units": ("second", "um", "um")}
    layer = Layer.create(np.zeros((3, 8, 8)), meta, "image")
    made = layer_dataset(*layer.as_layer_data_tuple()[:2])
    np.testing.assert_allclose(made.time, [2, 2.5, 3])
    assert grid.time_unit(made) == "s"
    assert grid.length_units(made) == ("µm", "µm")


def test_a_layer_with_too_many_axes(tmp_path):
    layer = Layer.create(np.zeros((2, 2, 2, 8, 8)), {"name": "deep"}, "image")
    with pytest.raises(RunFolderError, match="'deep' has 5 axes"):
        write_zarr(str(tmp_path / "a"), *layer.as_layer_data_tuple()[:2])
    assert not list(tmp_path.iterdir())


def test_the_reference_system_stays_with_the_layer(layers, run):
    wkt = rasterio.crs.CRS.from_epsg(3413).to_wkt()
    geo = {"crs_wkt": wkt, "transform": [100, 0, 0, 0, -100, 0], "units": "metre"}
    inputs = [{"name": "a", "shape": [12, 16], "geo": geo}]
    data, meta, _ = layers(report={**run.report.model_dump(), "inputs": inputs})[0]
    assert METADATA_KEY in meta["metadata"]
    assert layer_dataset(data, meta).rio.crs.to_epsg() == 3413
    # A part of it lies elsewhere.
    assert layer_dataset(data[:, 2:], meta).rio.crs is None
