"""Figures."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from PIL import Image
from tests.export.helpers import changed

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import export, make_dataset
from napari_latentdyn.export.figure import draw_figure
from napari_latentdyn.export.look import Arrows


def test_png_of_a_page_width(data, tmp_path):
    with Image.open(export(data, tmp_path / "a.png", dpi=200)) as image:
        assert image.width == pytest.approx(180 / 25.4 * 200, abs=1)
        assert image.info["dpi"][0] == pytest.approx(200, abs=0.1)
    assert "matplotlib.pyplot" not in sys.modules


def test_svg_and_pdf_keep_text_and_are_the_same_each_time(data, tmp_path):
    for end in ("svg", "pdf"):
        first = export(data, tmp_path / f"a.{end}").read_bytes()
        assert first == export(data, tmp_path / f"b.{end}").read_bytes()
    text = (tmp_path / "a.svg").read_text()
    for word in ("first frame", "last frame", "stage 1 of 4", "stage 4 of 4", "km/h", "6 h"):
        assert f">{word}</text>" in text, word
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_nothing_is_cut_off_or_overlaps(data):
    for shown, times in ((None, 5), ([0, 0.5, 1], 3), ([0, 1], 2)):
        figure = draw_figure(data, shown=shown)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        width, height = canvas.get_width_height()
        renderer = canvas.get_renderer()
        axes = figure.axes
        assert len(axes) == 2 * times
        boxes = [a.get_tightbbox(renderer) for a in axes]
        boxes += [text.get_window_extent(renderer) for text in figure.texts]
        for box in boxes:
            assert box.x0 >= -0.5
            assert box.y0 >= -0.5
            assert box.x1 <= width + 0.5
            assert box.y1 <= height + 0.5
        for i, one in enumerate(boxes):
            for other in boxes[i + 1 :]:
                wide = min(one.x1, other.x1) - max(one.x0, other.x0)
                high = min(one.y1, other.y1) - max(one.y0, other.y0)
                assert wide <= 0.5 or high <= 0.5


def test_arrows_and_frames_are_those_of_their_times(data, parts):
    figure = draw_figure(data)
    frames, fields = figure.axes[:5], figure.axes[5:9]
    for index, axes in enumerate(frames):
        np.testing.assert_array_equal(axes.images[0].get_array(), parts["frames"][index])
        assert axes.get_ylim()[0] > axes.get_ylim()[1]
    for stage, axes in enumerate(fields):
        (quiver,) = axes.collections
        y, x = quiver.XY[:, 1].astype(int), quiver.XY[:, 0].astype(int)
        np.testing.assert_allclose(quiver.U, parts["velocity"][stage, 1, y, x], rtol=1e-5)
        np.testing.assert_allclose(quiver.V, parts["velocity"][stage, 0, y, x], rtol=1e-5)
        assert quiver.angles == "xy"


def test_frames_at_images_between_the_ends_are_marked(parts):
    known = np.array([0.0, 0.5, 1.0])
    parts["frames"][2] *= 10
    series = make_dataset(**parts, observation_times=known)
    np.testing.assert_array_equal(series.observed, [1, 0, 1, 0, 1])
    axes = draw_figure(series).axes[:5]
    titles = [one.get_title(loc="left") for one in axes]
    assert titles == ["first frame\n0 h", "3 h", "observed\n6 h", "9 h", "last frame\n12 h"]
    marked = [one.spines["left"].get_edgecolor()[:3] for one in axes if one.axison]
    assert marked == [to_rgb("#d95f02")] * 3
    # The contrast is that of all images.
    pair = draw_figure(make_dataset(**parts, observation_times=known[[0, -1]])).axes[2]
    assert axes[2].images[0].get_clim()[1] > 3 * pair.images[0].get_clim()[1]
    assert pair.get_title(loc="left") == "6 h"


def test_speeds_in_degrees_are_those_of_each_stage(parts):
    degrees = Geometry.from_pixel_size((0.1, 0.2), "degree")
    edges = np.array([0.0, 0.1, 0.2, 0.6, 1.0])
    data = make_dataset(**{**parts, "placement": degrees}, edges=edges)
    found = Arrows.of(data)
    assert found.unit == "px/h"
    moved = np.hypot(found.moved[:, 0], found.moved[:, 1])
    np.testing.assert_allclose(found.speed, moved / (12 * np.diff(edges))[:, None], rtol=1e-5)


def test_what_cannot_be_drawn(data, parts, tmp_path):
    for name, options, says in (
        ("a.png", {"shown": (2.0,)}, "fractions of the interval"),
        ("a.png", {"shown": (0.0, 0.1)}, "no frame at 0.1"),
        ("a.png", {"width_mm": 3}, "40 to 1000 mm"),
        ("a.png", {"dpi": 5}, "dpi"),
    ):
        with pytest.raises(ExportError, match=says):
            export(data, tmp_path / name, **options)
    bare = changed(parts, velocity=None, interval=None)
    assert export(bare, tmp_path / "b.png", dpi=100).exists()
