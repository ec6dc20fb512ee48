"""What is odd about a pair is refused or said in the window, in words that stay."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from numpy.typing import NDArray
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import FakeFit, choose, control, idle, made, press, refused, run, status

from napari_latentdyn.cli import main

PLACES = "lie at different places"


def notes(panel: Any) -> str:
    """What is said of the pair, "" if nothing is."""
    label = control(panel, "pair_notes")
    return "" if label.isHidden() else html.unescape(label.text())


def test_other_places_are_told_until_the_choice_changes(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_form(*images, np.roll(images[0], 5, axis=1), fit=FakeFit())
    assert notes(panel) == ""
    viewer.layers[1].translate = (0, 500)
    assert PLACES in notes(panel)
    assert "image 0 and image 1" in notes(panel)
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done")
    qtbot.wait(300)
    assert PLACES in notes(panel)
    assert made(viewer, "frames")[0].translate[-1] == 0
    choose(panel, "last_image", "image 2")
    assert notes(panel) == ""
    choose(panel, "last_image", "image 1")
    assert PLACES in notes(panel)
    viewer.layers[1].translate = (0, 0)
    assert notes(panel) == ""


@pytest.mark.parametrize("role", ["Learn dynamics", "Compare methods"])
def test_the_same_length_in_two_units_is_one_size(
    make_napari_viewer: Callable[..., Any], images: Images, role: str
) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(images[0], name="a", scale=(210, 210), units=("nm", "nm"))
    viewer.add_image(images[1], name="b", scale=(0.21, 0.21), units=("um", "um"))
    _, panel = viewer.window.add_plugin_dock_widget("napari-latentdyn", role)
    button = "train" if role == "Learn dynamics" else "compare"
    assert notes(panel) == ""
    assert control(panel, button).isEnabled()
    viewer.layers["b"].scale = (0.42, 0.42)
    assert not control(panel, button).isEnabled()
    text = html.unescape(control(panel, "status").text())
    assert "The pixels of a measure 210 x 210 nm and those of b 0.42 x 0.42 µm" in text
    assert "resample the images to the same grid first" in text
    viewer.layers["b"].scale = (0.2101, 0.2101)
    assert control(panel, button).isEnabled()


def test_pixels_of_two_sizes_without_a_unit(open_form: Open, images: Images) -> None:
    fake = FakeFit()
    viewer, panel = open_form(*images, fit=fake)
    viewer.layers[1].scale = (2, 2)
    assert "1 x 1 pixel" in refused(panel)
    assert "2 x 2 pixel" in refused(panel)
    panel.train()
    assert fake.calls == []
    viewer.layers[0].scale = (2, 2)
    assert control(panel, "train").isEnabled()


def test_a_size_that_nobody_knows_is_no_other_size(open_form: Open, images: Images) -> None:
    viewer, panel = open_form(*images, fit=FakeFit())
    viewer.layers[0].scale = (5, 5)
    viewer.layers[0].units = ("km", "km")
    assert control(panel, "train").isEnabled()
    assert PLACES in notes(panel), "the viewer draws one far from the other"


def test_what_the_values_show_stays(open_form: Open, images: Images, qtbot: Any) -> None:
    first, last = (image.astype(np.float32) for image in images)
    last *= 100
    last[3, :4] = np.inf
    viewer, panel = open_form(first, fit=FakeFit())
    viewer.add_image(last, name="last", contrast_limits=(0, 25500))
    run(qtbot, panel, "preview")
    for _ in range(2):
        assert "Infinite values count as missing: 4 in last." in notes(panel)
        assert "are the units the same?" in notes(panel)
        run(qtbot, panel, "train")
    choose(panel, "first_image", "last")
    choose(panel, "last_image", "image 0")
    assert notes(panel) == ""


def test_notes_of_a_run_do_not_reach_another_choice(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit(pause=0.2)
    viewer, panel = open_form(images[0], images[1].astype(np.float32) * 100, fit=fake)
    viewer.add_image(np.roll(images[0], 5, axis=1), name="other")
    choose(panel, "first_image", "image 0")
    choose(panel, "last_image", "image 1")
    press(qtbot, panel, "train")
    choose(panel, "last_image", "other")
    qtbot.waitUntil(lambda: idle(panel), timeout=20_000)
    assert notes(panel) == ""


def _geotiff(path: Path, array: NDArray[Any], size: float, left: float) -> None:
    transform = rasterio.Affine(size, 0, left, 0, -size, 7_000_000)
    shape = {"height": array.shape[0], "width": array.shape[1], "count": 1}
    with rasterio.open(
        path, "w", driver="GTiff", dtype=array.dtype, crs="EPSG:32633", transform=transform, **shape
    ) as file:
        file.write(array, 1)


@pytest.mark.parametrize(("size", "left"), [(100, 400_000), (100, 400_500), (200, 400_000)])
def test_window_and_command_line_say_the_same(
    open_form: Open,
    images: Images,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    size: float,
    left: float,
) -> None:
    _geotiff(tmp_path / "a.tif", images[0], 100, 400_000)
    _geotiff(tmp_path / "b.tif", images[1], size, left)
    viewer, panel = open_form(fit=FakeFit())
    for name in ("a", "b"):
        viewer.open(tmp_path / f"{name}.tif", plugin="napari", name=f"{name}.tif")
    said = notes(panel) or status(panel)[0]
    files = tmp_path / "a.tif", tmp_path / "b.tif"
    flags = ("--steps", "0", "--initial-fields", "zero", "--start-from", "scratch", "--stages", "2")
    capsys.readouterr()
    code = main(["run", *map(str, files), "-o", str(tmp_path / "out"), "-q", *flags])
    err = capsys.readouterr().err
    if size == 200:
        assert code == 2
        assert "the pixels of a.tif measure 100 x 100 m" in err
        assert "The pixels of a.tif measure 100 x 100 m" in said
        assert not control(panel, "train").isEnabled()
    elif left != 400_000:
        assert code == 0
        assert PLACES in said
        assert said in err
    else:
        assert PLACES not in said
        assert PLACES not in err


def test_what_another_reader_passed_over_stays(
    open_form: Open, images: Images, tmp_path: Path
) -> None:
    viewer, panel = open_form(images[0], fit=FakeFit())
    path = tmp_path / "b.tif"
    tifffile.imwrite(path, images[1], photometric="miniswhite")
    viewer.open(path, plugin="napari", name="b")
    for _ in range(2):
        assert "ignores the values defined in b.tif" in notes(panel)
        assert control(panel, "train").isEnabled()
        viewer.layers["b"].contrast_limits = (0, 100)
    viewer.layers.remove("b")
    viewer.open(path, plugin="napari-latentdyn", name="b")
    assert notes(panel) == ""


def test_names_of_layers_stay_as_they_are(open_form: Open, images: Images, tmp_path: Path) -> None:
    viewer, panel = open_form(fit=FakeFit())
    for name, size in (("su_a", 100), ("su_b", -100)):
        transform = rasterio.Affine(100, 0, 4e5, 0, -size, 7e6)
        rows, columns = images[0].shape
        about = {"height": rows, "width": columns, "count": 1, "dtype": images[0].dtype}
        file = tmp_path / f"{name}.tif"
        with rasterio.open(file, "w", crs="EPSG:32633", transform=transform, **about) as raster:
            raster.write(images[0], 1)
        viewer.open(file, plugin="napari", name=name)
    assert refused(panel).startswith("The layer “su_b” is flipped on the map")
