"""Reader for run folders, by drag and drop or File > Open Folder."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.runfolder.folder import LAYERS, REPORT, contents_of, read_run
from napari_latentdyn.viewer.layerfolder import read_layer_folder
from napari_latentdyn.viewer.layers import METADATA_KEY, LayerTuple, result_layers

__all__ = ["get_reader", "read_folder"]


def get_reader(path: str | Sequence[str]) -> Callable[..., list[LayerTuple]] | None:
    """Return the function that reads a run folder, or None if it is none.

    Parameters
    ----------
    path : str or sequence of str
        A run folder, or the ``report.json`` in it. Several at once are declined.
    """
    if not isinstance(path, str):
        if len(path) != 1:
            return None
        path = path[0]
    return None if contents_of(_folder(path)) is None else read_folder


def read_folder(path: str | Sequence[str], **options: Any) -> list[LayerTuple]:
    """Read the layers of a run folder, or of a folder of layers.

    Raises
    ------
    RunFolderError
        If it is incomplete or was written by a newer version.
    """
    folder = _folder(path if isinstance(path, str) else path[0])
    if contents_of(folder) == LAYERS:
        return read_layer_folder(folder)
    run = read_run(folder)
    made = result_layers(
        frames=run.frames,
        times=run.times,
        velocity=run.velocity,
        field_times=run.field_times,
        settings=run.settings,
        report=run.report,
        placement=Geometry.from_report(run.report.get("placement")),
        # Layers of a folder are a result of their own: no later run renews them.
        run_id=uuid.uuid4().hex,
        name=folder.resolve().name,
        latents=run.latents,
        confidence=run.confidence,
    )
    for _data, meta, _kind in made:
        # The networks in it can draw more.
        meta["metadata"][METADATA_KEY]["folder"] = str(folder.resolve())
    return made


def _folder(path: str) -> Path:
    given = Path(path)
    return given.parent if given.name == REPORT else given
