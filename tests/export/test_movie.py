"""Movies, read back with PyAV."""

from __future__ import annotations

import tracemalloc

import av
import numpy as np
import pytest
from tests.export.conftest import report_of
from tests.export.helpers import changed

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import export
from napari_latentdyn.export.look import Arrows, bar_length, moment_texts, time_labels
from napari_latentdyn.export.movie import paint, write_movie


def decoded(path):
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
        about = {
            "codec": stream.codec_context.name,
            "rate": float(stream.average_rate),
            "format": stream.pix_fmt,
            "size": (stream.width, stream.height),
            "seconds": file.duration / 1e6,
        }
    return frames, about


def greys(count, height=51, width=65):
    for index in range(count):
        yield np.full((height, width, 3), 20 * index + 20, np.uint8)


@pytest.mark.parametrize("fps", [5.0, 12.5, 29.97])
def test_mp4_that_every_player_shows(tmp_path, fps):
    path = write_movie(greys(10), tmp_path / "a.mp4", fps=fps)
    frames, about = decoded(path)
    assert about["codec"] == "h264"
    assert about["format"] == "yuv420p"
    # Sides are even: the odd row and column are left out.
    assert about["size"] == (64, 50)
    assert about["rate"] == pytest.approx(fps, rel=1e-3)
    assert about["seconds"] == pytest.approx(10 / fps, abs=0.05)
    assert len(frames) == 10
    for index, frame in enumerate(frames):
        assert abs(float(frame.mean()) - (20 * index + 20)) < 3


def test_colours_of_an_mp4(tmp_path):
    colours = np.zeros((64, 96, 3), np.uint8)
    colours[:, :32], colours[:, 32:64], colours[:, 64:] = (
        (200, 30, 30),
        (30, 180, 40),
        (20, 60, 210),
    )
    frames, _ = decoded(write_movie([colours] * 3, tmp_path / "a.mp4"))
    for x, colour in ((16, (200, 30, 30)), (48, (30, 180, 40)), (80, (20, 60, 210))):
        assert np.abs(frames[1][32, x].astype(int) - colour).max() < 8


@pytest.mark.parametrize("fps", [4.0, 15.0])
def test_gif(tmp_path, fps):
    frames, about = decoded(write_movie(greys(9), tmp_path / "a.gif", fps=fps))
    assert about["codec"] == "gif"
    assert about["size"] == (65, 51)
    assert len(frames) == 9
    assert about["seconds"] == pytest.approx(9 / fps, abs=0.05)
    for index, frame in enumerate(frames):
        assert abs(float(frame.mean()) - (20 * index + 20)) < 3


def test_pictures_that_are_none(tmp_path):
    path = tmp_path / "a.mp4"
    two = [np.zeros((32, 32, 3), np.uint8), np.zeros((32, 34, 3), np.uint8)]
    for pictures, says in (
        ([], "needs at least one picture"),
        (two, "of one size"),
        ([np.zeros((32, 32), np.uint8)], "height, width, 3"),
    ):
        with pytest.raises(ExportError, match=says):
            write_movie(pictures, path)
    for fps in (0, -1, float("nan"), 1000):
        with pytest.raises(ExportError, match="frames per second"):
            write_movie(greys(2), path, fps=fps)
    with pytest.raises(ExportError, match=r"\.mp4 or \.gif"):
        write_movie(greys(2), tmp_path / "a.avi")
    assert not list(tmp_path.iterdir())


def test_frames_keep_their_shape_and_order(data, parts, tmp_path):
    frames, about = decoded(export(data, tmp_path / "a.mp4", fps=5, width=361, limits=(-60, 60)))
    # Pixels are twice as wide as high.
    assert about["size"] == (362, 120)
    assert about["seconds"] == pytest.approx(1.0, abs=0.05)
    shown = np.clip((parts["frames"] + 60) / 120 * 255, 0, 255)
    for index, frame in enumerate(frames):
        # The middle of some pixels, away from label and scale bar.
        y, x = np.meshgrid(np.arange(8, 16), np.arange(10, 30), indexing="ij")
        seen = frame[5 * y + 2, (10 * x + 5)].mean(axis=-1)
        assert np.corrcoef(seen.ravel(), shown[index, y, x].ravel())[0, 1] > 0.99


def test_arrows_point_along_the_motion(parts):
    velocity = np.zeros_like(parts["velocity"])
    velocity[:, 0], velocity[:, 1] = 6.0, 0.0
    velocity[2:, 0], velocity[2:, 1] = 0.0, 6.0
    black = changed(
        parts,
        frames=np.zeros_like(parts["frames"]),
        velocity=velocity,
        placement=Geometry(),
    )
    look = {"label": False, "scale_bar": False, "limits": (0, 1), "width": 720}
    pictures = list(paint(black, arrows=True, spacing=12, **look))
    for index, axis in ((0, 0), (4, 1)):
        # The part of one arrow: it is long along the motion, and its head, which is wide, lies
        # where the motion leads: further down, or further to the right.
        part = pictures[index][:240, :240].sum(axis=-1) > 120
        along = part.sum(axis=1 - axis)
        rows = np.flatnonzero(along)
        assert len(rows) > 2 * part.sum(axis=axis).astype(bool).sum()
        assert rows[0] < along.argmax()
        assert along.argmax() > rows.mean()
    np.testing.assert_array_equal(pictures[0], pictures[1])


def test_only_one_picture_is_held(parts):
    many = changed(parts, frames=np.tile(parts["frames"], (8, 1, 1)), times=np.linspace(0, 1, 40))
    tracemalloc.start()
    for picture in paint(many, width=960):
        size = picture.nbytes
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * size


def test_labels_and_bars(data, parts):
    assert time_labels(data)[:2] == ["0 h", "3 h"]
    assert time_labels(data, "stage_time")[0] == "1.5 h"
    assert time_labels(changed(parts, interval=(1.0, "hour")))[1] == "0.25 h"
    assert time_labels(changed(parts, interval=None))[1] == "t = 0.25"
    assert moment_texts(np.array([0.0, 1 / 3]), "d") == ["0.000 d", "0.333 d"]
    assert bar_length(data) == (pytest.approx(5), "1 km")
    assert bar_length(changed(parts, placement=Geometry())) == (5, "5 px")
    arrows = Arrows.of(changed(parts, velocity=np.full_like(parts["velocity"], np.nan)))
    assert arrows.parts(0)[2].mask.all()


def test_options_that_cannot_be_met(data, parts, tmp_path):
    for options, says in (
        ({"colormap": "grey-ish"}, "no colour map"),
        ({"limits": (3, 3)}, "lower and a higher"),
        ({"channel": 2}, "no channel 2"),
        ({"width": 3}, "movie width must be 16 to 8192 pixels; got 3"),
        ({"arrows": True, "spacing": 0}, "must be at least 1 pixel; got 0"),
    ):
        with pytest.raises(ExportError, match=says):
            export(data, tmp_path / "a.mp4", **options)
    with pytest.raises(ExportError, match="arrows need velocities"):
        export(changed(parts, velocity=None), tmp_path / "a.mp4", arrows=True)
    assert not list(tmp_path.iterdir())


def test_colour_images_stay_colours(parts, tmp_path):
    frames = np.zeros((5, 3, 24, 36), np.float32)
    frames[:, 0] = 255
    report = report_of({"rgb": True})
    there = changed(parts, frames=frames, report=report)
    picture = next(paint(there, label=False, scale_bar=False))
    np.testing.assert_array_equal(picture[100, 100], [255, 0, 0])
