"""Reader for run folders and large scenes, by drag and drop or File > Open Folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.runfolder.report import LAYERS, REPORT, contents_of
from napari_latentdyn.core.scene.folder import SCENE, is_scene_folder
from napari_latentdyn.viewer.knowledge.restoring import known_layers
from napari_latentdyn.viewer.layerfolder import read_layer_folder
from napari_latentdyn.viewer.layers import LayerTuple, result_layers
from napari_latentdyn.viewer.scene_layers import scene_layers

__all__ = ["get_reader", "read_folder"]


def get_reader(path: str | Sequence[str]) -> Callable[..., list[LayerTuple]] | None:
    """Return the reader of a run folder, of a scene, or of their description; None otherwise."""
    if not isinstance(path, str):
        if len(path) != 1:
            return None
        path = path[0]
    folder = _folder(path)
    known = contents_of(folder) is not None or is_scene_folder(folder)
    return read_folder if known else None


def read_folder(path: str | Sequence[str], **options: Any) -> list[LayerTuple]:
    """Read the layers of a run folder, of a folder of layers, or of a large scene."""
    folder = _folder(path if isinstance(path, str) else path[0])
    if is_scene_folder(folder):
        return scene_layers(folder)
    if contents_of(folder) == LAYERS:
        return read_layer_folder(folder)
    dynamics = Dynamics.load(folder)
    return result_layers(dynamics) + known_layers(dynamics)


def _folder(path: str) -> Path:
    given = Path(path)
    return given.parent if given.name in (REPORT, SCENE) else given
