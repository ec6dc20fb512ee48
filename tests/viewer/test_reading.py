"""The window warns if napari's own reader ignores properties of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
import rasterio
import tifffile
from napari.layers import Image
from napari.layers._source import layer_source
from PIL import Image as Picture

from napari_latentdyn.viewer import reading
from napari_latentdyn.viewer.image_reader import get_image_reader
from napari_latentdyn.viewer.reading import notes_of_snapshots, reading_notes
from napari_latentdyn.viewer.snapshot import snapshot

DATA = np.random.default_rng(1).integers(1, 200, (40, 50)).astype(np.uint8)


def opened(path: Path, plugin: str = "napari", **options: Any) -> Image:
    """Return a layer as napari's own reader makes it."""
    tiff = path.suffix == ".tif"
    data = tifffile.imread(path) if tiff else imageio.imread(path)
    with layer_source(path=str(path), reader_plugin=plugin):
        return Image(data, name="su_b", **options)


def raster(path: Path, data: Any = DATA, scale: float | None = None, **options: Any) -> None:
    place = {"crs": "EPSG:3413", "transform": rasterio.Affine(40, 0, 5e5, 0, -50, 8e6)}
    layout = {"count": 1, "height": 40, "width": 50, "dtype": data.dtype}
    with rasterio.open(path, "w", driver="GTiff", **place, **layout, **options) as file:
        file.write(data, 1)
        if scale is not None:
            file.scales = (scale,)


def turned(path: Path, code: int) -> None:
    tifffile.imwrite(path, DATA, extratags=[(274, "H", 1, code, True)])


def picture(path: Path, **options: Any) -> None:
    Picture.fromarray(DATA).save(path, **options)


def exif(code: int) -> Any:
    about = Picture.Exif()
    about[274] = code
    return about


def palette(path: Path) -> None:
    table = np.random.default_rng(2).integers(0, 65535, (3, 256)).astype(np.uint16)
    tifffile.imwrite(path, DATA, photometric="palette", colormap=table)


def inks(path: Path) -> None:
    Picture.merge("CMYK", [Picture.fromarray(DATA)] * 3 + [Picture.new("L", (50, 40))]).save(path)


ODD = {
    "scale.tif": ("values", lambda path: raster(path, scale=0.01)),
    "white.tif": ("values", lambda path: tifffile.imwrite(path, DATA, photometric="miniswhite")),
    "palette.tif": ("colours", palette),
    "down.tif": ("orientation", lambda path: turned(path, 3)),
    "turned.tif": ("orientation", lambda path: turned(path, 6)),
    "turned.jpg": ("orientation", lambda path: picture(path, exif=exif(6))),
    "down.png": ("orientation", lambda path: picture(path, exif=exif(3))),
    "inks.jpg": ("colours", inks),
    "clear.png": ("missing pixels", lambda path: picture(path, transparency=int(DATA[2, 2]))),
}


@pytest.mark.parametrize("name", ODD)
def test_what_the_file_says_otherwise_is_told_once(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    what, write = ODD[name]
    path = tmp_path / name
    write(path)
    layer = opened(path)
    (note,) = reading_notes([layer])
    assert note == (
        f"napari's own reader ignores the {what} defined in {name}, so “su_b” differs from the "
        "image that the command line reads: open the file with the reader of Latent Dynamics (File "
        "> Open with Plugin)."
    )
    monkeypatch.setattr(reading, "load", None)
    assert reading_notes([layer]) == [note], "the file is read once"
    assert reading_notes([opened(path, "napari-latentdyn")]) == []
    assert get_image_reader(str(path)) is not None


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.bmp", "a.gif", "a.jpg", "nodata.tif"])
def test_what_is_read_right_is_not_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "nodata.tif":
        raster(path, nodata=int(DATA[0, 0]))
    elif name == "a.tif":
        tifffile.imwrite(path, DATA)
    else:
        picture(path)
    layer = opened(path)
    assert reading_notes([layer]) == []
    layer.data = layer.data // 2
    assert reading_notes([layer]) == [], "changed by intent"


def test_a_mended_layer_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "down.tif"
    turned(path, 3)
    layer = opened(path)
    assert reading_notes([layer])
    layer.data = np.array(layer.data[::-1, ::-1])
    assert reading_notes([layer]) == []


def test_parts_and_damaged_files_are_not_told(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([DATA, DATA, DATA]), photometric="minisblack")
    stack = opened(path)
    with layer_source(path=str(path), reader_plugin="napari"):
        part = Image(stack.data[1])
    path.with_name("b.tif").write_bytes(b"II*\0")
    with layer_source(path=str(path.with_name("b.tif")), reader_plugin="napari"):
        damaged = Image(DATA)
    with layer_source(path=str(tmp_path / "gone.tif"), reader_plugin="napari"):
        gone = Image(DATA)
    assert reading_notes([stack, part, damaged, gone, Image(DATA)]) == []


def test_large_files_are_compared_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_AT_ONCE", 100)
    path = tmp_path / "down.tif"
    turned(path, 3)
    layer = opened(path)
    assert reading_notes([layer]) == []
    (note,) = notes_of_snapshots(snapshot(layer), snapshot(layer))
    assert reading_notes([layer]) == [note]


def test_both_layers_are_told_in_one_sentence(tmp_path: Path) -> None:
    layers = []
    for name in "ab":
        turned(tmp_path / f"{name}.tif", 3)
        layers.append(opened(tmp_path / f"{name}.tif"))
        layers[-1].name = name
    (note,) = reading_notes(layers)
    assert "ignores the orientation defined in a.tif and b.tif, so “a” and “b” differ" in note
    assert "open the files with" in note


def test_notes_of_the_reader_of_the_plugin_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    values = np.where(DATA < 20, -3.402823e38, DATA).astype(np.float32)
    raster(path, values, nodata=-3.4028234663852886e38)
    read = get_image_reader(str(path))
    assert read is not None
    ((data, meta, _),) = read(str(path))
    np.testing.assert_array_equal(np.isnan(data), DATA < 20)
    (note,) = reading_notes([Image(data, **meta)])
    assert note.startswith("a: Values that differ from the nodata value in their last digits")
