"""Reader for run folders, by drag and drop or File > Open Folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.runfolder.report import LAYERS, REPORT, contents_of
from napari_latentdyn.viewer.layerfolder import read_layer_folder
from napari_latentdyn.viewer.layers import LayerTuple, result_layers

__all__ = ["get_reader", "read_folder"]


def get_reader(path: str | Sequence[str]) -> Callable[..., list[LayerTuple]] | None:
    """Return the reader of a run folder or of its ``report.json``, or None for another path."""
    if not isinstance(path, str):
        if len(path) != 1:
            return None
        path = path[0]
    return None if contents_of(_folder(path)) is None else read_folder


def read_folder(path: str | Sequence[str], **options: Any) -> list[LayerTuple]:
    """Read the layers of a run folder or of a folder of layers."""
    folder = _folder(path if isinstance(path, str) else path[0])
    if contents_of(folder) == LAYERS:
        return read_layer_folder(folder)
    return result_layers(Dynamics.load(folder))


def _folder(path: str) -> Path:
    given = Path(path)
    return given.parent if given.name == REPORT else given
