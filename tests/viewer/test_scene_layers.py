"""A large scene in napari: read as it is shown."""

from __future__ import annotations

from pathlib import Path

import dask.array
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from tests.core.helpers import moved

from napari_latentdyn.core.observations.images.windows import open_windows
from napari_latentdyn.core.scene.folder import SceneFolder
from napari_latentdyn.core.scene.request import request_of
from napari_latentdyn.core.scene.run import run_scene
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.export.scene import make_scene_frames
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.reader import get_reader

SHIFT, SHAPE = (3.0, -4.0), (150, 170)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drift by known pixels in six hours, of pixels of 40 m."""
    folder = tmp_path_factory.mktemp("scene")
    at = moved(SHIFT, SHAPE)
    names = [str(folder / "a.tif"), str(folder / "b.tif")]
    for name, time in zip(names, (0.0, 1.0), strict=True):
        tifffile.imwrite(name, at(time).astype(np.float32))
    settings = Settings.preset("quick").updated(
        {"output.frames": 1, "images.interval": 6.0, "images.interval_unit": "hour"}
    )
    images = (open_windows(names[0]), open_windows(names[1]))
    request = request_of((names[0], names[1]), images, settings, 64, 80 * 90)
    out = folder / "out"
    SceneFolder(out).start(request)
    drain(run_scene(out, lambda path: make_scene_frames(path, request, images, settings)))
    SceneFolder(out).finish({"weights": [1.0]})
    return out


@pytest.mark.usefixtures("plugin")
def test_a_scene_opens_as_lazy_levels_and_arrows(scene: Path) -> None:
    viewer = ViewerModel()
    image, arrows = viewer.open(str(scene), plugin="napari-latentdyn")
    assert image.multiscale
    assert [level.shape for level in image.data] == [(3, 150, 170), (3, 75, 85), (3, 38, 43)]
    assert all(isinstance(level, dask.array.Array) for level in image.data)
    np.testing.assert_allclose(image.scale, (3.0, 1.0, 1.0))
    assert str(image.units[0]) == "hour"
    # (dy, dx) of each of the four stages, in pixels of full resolution, away from the border.
    places, moves = arrows.data[:, 0, 1:], arrows.data[:, 1, 1:]
    inner = ((places > 20) & (places < np.array(SHAPE) - 20)).all(axis=1)
    expected = np.broadcast_to(np.array(SHIFT) / 4, moves[inner].shape)
    np.testing.assert_allclose(moves[inner], expected, atol=0.05)
    assert places.max() > 120
    viewer.dims.set_current_step(0, 1)
    shown = np.asarray(image.data[0][1])
    np.testing.assert_allclose(
        shown[10:-10, 10:-10], moved(SHIFT, SHAPE)(0.5)[10:-10, 10:-10], atol=3.0
    )


def test_the_reader_takes_the_folder_and_its_description(scene: Path) -> None:
    assert get_reader(str(scene)) is not None
    assert get_reader(str(scene / "scene.json")) is not None


def test_a_scene_that_is_not_finished_is_one_sentence(scene: Path, tmp_path: Path) -> None:
    SceneFolder(tmp_path).start(SceneFolder(scene).request())
    reader = get_reader(str(tmp_path))
    assert reader is not None
    with pytest.raises(RunFolderError, match="is not finished: the command that began it"):
        reader(str(tmp_path))


@pytest.mark.usefixtures("plugin")
def test_colours_are_shown_as_colours(tmp_path: Path) -> None:
    at, names = moved(SHIFT, SHAPE), [str(tmp_path / "a.tif"), str(tmp_path / "b.tif")]
    for name, time in zip(names, (0.0, 1.0), strict=True):
        image = np.stack([at(time), at(time) / 2, 255 - at(time)], axis=-1).clip(0, 255)
        tifffile.imwrite(name, image.astype(np.uint8), photometric="rgb")
    settings = Settings.preset("quick").updated({"output.frames": 1})
    images = (open_windows(names[0]), open_windows(names[1]))
    request = request_of((names[0], names[1]), images, settings, 128, 80 * 90)
    out = tmp_path / "out"
    SceneFolder(out).start(request)
    drain(run_scene(out, lambda path: make_scene_frames(path, request, images, settings)))
    SceneFolder(out).finish({"weights": [1.0]})
    shown, _ = ViewerModel().open(str(out), plugin="napari-latentdyn")
    assert shown.rgb
    assert shown.data[0].shape == (3, *SHAPE, 3)
    assert shown.data[0].dtype == np.uint8
    first = tifffile.imread(names[0])
    assert np.abs(np.asarray(shown.data[0][0]).astype(int) - first).max() <= 1
