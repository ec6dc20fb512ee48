"""OME-TIFF and OME-Zarr, read back with other tools."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest
import tifffile
import yaozarrs
import zarr
from tests.export.helpers import changed

from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import at_times, export


def test_ome_tiff(data, parts, tmp_path):
    path = export(data, tmp_path / "a.ome.tif")
    with tifffile.TiffFile(path) as tif:
        np.testing.assert_array_equal(tif.asarray(), parts["frames"])
        assert tif.series[0].axes == "TYX"
        root = ET.fromstring(tif.ome_metadata)
    (pixels,) = root.iter("{http://www.openmicroscopy.org/Schemas/OME/2016-06}Pixels")
    assert pixels.get("PhysicalSizeY") == "0.1"
    assert pixels.get("PhysicalSizeX") == "0.2"
    assert pixels.get("PhysicalSizeXUnit") == "km"
    assert float(pixels.get("TimeIncrement")) == 3
    assert pixels.get("TimeIncrementUnit") == "h"


def multiscales(group, ngff):
    attributes = dict(group.attrs)
    return (attributes["ome"] if ngff == "0.5" else attributes)["multiscales"][0]


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
@pytest.mark.parametrize("channels", [0, 2])
def test_ome_zarr(data, parts, tmp_path, ngff, channels):
    frames = parts["frames"]
    if channels:
        frames = np.stack([frames, -frames], axis=1)
        data = changed(parts, frames=frames)
    path = export(data, tmp_path / "a.ome.zarr", ngff=ngff)
    group = zarr.open_group(path, mode="r")
    assert group.metadata.zarr_format == (2 if ngff == "0.4" else 3)
    np.testing.assert_array_equal(group["0"][:], frames)
    image = multiscales(group, ngff)
    kinds = [("time", "hour")] + [("channel", None)] * bool(channels) + [("space", "kilometer")] * 2
    assert [(axis["type"], axis.get("unit")) for axis in image["axes"]] == kinds
    assert "".join(axis["name"] for axis in image["axes"]) == ("tcyx" if channels else "tyx")
    (level,) = image["datasets"]
    scale, translation = level["coordinateTransformations"]
    between = [1.0] * bool(channels)
    assert scale == {"type": "scale", "scale": pytest.approx([3.0, *between, 0.1, 0.2])}
    shift = [0.0, *[0.0] * bool(channels), 5.0, 7.0]
    assert translation == {"type": "translation", "translation": pytest.approx(shift)}
    np.testing.assert_allclose(group.attrs["latentdyn"]["fraction"], parts["times"])
    np.testing.assert_allclose(group["fields"]["0"][:], parts["velocity"], rtol=1e-5)
    fields = multiscales(group["fields"], ngff)
    first = fields["datasets"][0]["coordinateTransformations"]
    assert first[0]["scale"] == pytest.approx([3.0, 1.0, 0.1, 0.2])
    assert first[1]["translation"] == pytest.approx([1.5, 0.0, 5.0, 7.0])
    if ngff == "0.4":
        assert image["version"] == "0.4"
        # The specification asks for chunks in folders.
        assert (path / "0" / "0" / "0").exists()
    else:
        assert group["0"].metadata.dimension_names == tuple(axis["name"] for axis in image["axes"])


def test_levels_of_a_pyramid_lie_on_each_other(parts, tmp_path):
    y, x = np.mgrid[:300, :601].astype(np.float32)
    frames = np.stack([y, x]).astype(np.float32)
    large = changed(
        parts,
        frames=frames,
        times=np.array([0.0, 1.0]),
        velocity=None,
    )
    group = zarr.open_group(export(large, tmp_path / "a.zarr"), mode="r")
    levels = multiscales(group, "0.4")["datasets"]
    assert [group[level["path"]].shape for level in levels] == [
        (2, 300, 601),
        (2, 150, 300),
        (2, 75, 150),
    ]
    assert "fields" not in group
    for level in levels:
        # The image holds its own pixel numbers, whose place in the world is known.
        scale, shift = (
            t[k]
            for t, k in zip(
                level["coordinateTransformations"], ("scale", "translation"), strict=True
            )
        )
        pixels = group[level["path"]][:]
        rows, columns = np.indices(pixels.shape[1:])
        np.testing.assert_allclose(rows * scale[1] + shift[1], 5.0 + 0.1 * pixels[0], rtol=1e-6)
        np.testing.assert_allclose(columns * scale[2] + shift[2], 7.0 + 0.2 * pixels[1], rtol=1e-6)


def test_missing_pixels_stay_and_integers_are_rounded(parts, tmp_path):
    frames = np.full((1, 512, 512), np.nan, np.float32)
    frames[0, 0, 0] = 4
    blank = {**parts, "times": np.zeros(1), "velocity": None}
    one = changed(blank, frames=frames)
    group = zarr.open_group(export(one, tmp_path / "a.zarr"), mode="r")
    assert group["1"][0, 0, 0] == 4
    assert np.isnan(group["1"][0, 1, 1])
    integers = changed(blank, frames=np.full((1, 512, 512), 200, np.uint8))
    group = zarr.open_group(export(integers, tmp_path / "b.zarr"), mode="r")
    assert group["1"].dtype == np.uint8
    assert np.all(group["1"][:] == 200)


def test_only_zarr_is_replaced(data, tmp_path):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "letter.txt").write_text("dear all")
    with pytest.raises(ExportError, match="holds other files"):
        export(data, tmp_path / "a.zarr", overwrite=True)
    assert (tmp_path / "a.zarr" / "letter.txt").read_text() == "dear all"
    path = export(data, tmp_path / "b.zarr")
    fewer = at_times(data, [0.0, 1.0])
    export(fewer, path, overwrite=True, fields=False)
    group = zarr.open_group(path, mode="r")
    assert group["0"].shape[0] == 2
    assert not (path / "fields").exists()
    with pytest.raises(ExportError, match=r"0\.4 or 0\.5"):
        export(data, tmp_path / "c.zarr", ngff="0.3")


@pytest.mark.parametrize("ngff", ["0.4", "0.5"])
def test_it_is_what_the_specification_asks_for(data, tmp_path, ngff):
    path = export(data, tmp_path / "a.ome.zarr", ngff=ngff)
    # Checked by a library that knows the specification, not by ours.
    group = yaozarrs.validate_zarr_store(str(path))
    assert group.ome_version() == ngff
    fields = yaozarrs.validate_zarr_store(str(path / "fields"))
    assert fields.ome_version() == ngff
