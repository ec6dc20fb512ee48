"""A scene that is small, but is matched like a large one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy import ndimage
from tests.core.helpers import texture

from napari_latentdyn.core.observations.images.windows import open_windows
from napari_latentdyn.core.scene.folder import SceneFolder
from napari_latentdyn.core.scene.request import request_of
from napari_latentdyn.export.scene import make_scene_frames
from napari_latentdyn.settings import Settings

SHAPE, REDUCED, TILE = (260, 230), 1 << 13, 128


def waves(time: float, shape: tuple[int, int] = SHAPE) -> NDArray[np.float32]:
    """A texture that moves by up to 5 pixels, differently from place to place."""
    pad = 16
    whole = texture((shape[0] + 2 * pad, shape[1] + 2 * pad), sigma=1.5)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(float)
    back = (
        rows + pad - 5 * (time - 0.5) * np.sin(columns / 45),
        columns + pad - 4 * (time - 0.5) * np.cos(rows / 60),
    )
    image: NDArray[np.float32] = ndimage.map_coordinates(whole, back, order=3).astype(np.float32)
    return image


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("scene")
    names = []
    for name, time in (("a.tif", 0.0), ("b.tif", 1.0)):
        tifffile.imwrite(folder / name, waves(time), tile=(64, 64), compression="zlib")
        names.append(str(folder / name))
    return names[0], names[1]


@pytest.fixture(scope="session")
def quick() -> Settings:
    return Settings.preset("quick").updated({"output.frames": 2, "training.threads": 1})


@pytest.fixture
def start(files: tuple[str, str], quick: Settings) -> Callable[[Path], Callable[[Path], None]]:
    """Make the folder of the scene, and return what makes its frames."""
    images = (open_windows(files[0]), open_windows(files[1]))
    request = request_of(files, images, quick, TILE, REDUCED)

    def begin(path: Path) -> Callable[[Path], None]:
        SceneFolder(path).start(request)
        return lambda frames: make_scene_frames(frames, request, images, quick)

    return begin
