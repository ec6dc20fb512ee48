"""Frames as OME-TIFF, for ImageJ and Fiji, and as an archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_latentdyn.core.observations.ometiff import write_ome_tiff as write_file
from napari_latentdyn.export.source import Source
from napari_latentdyn.export.target import Steps, new_file

__all__ = ["write_ome_tiff"]


def write_ome_tiff(
    source: Source,
    path: str | Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Path:
    """Write the frames as OME-TIFF with pixel size, units and times.

    Parameters
    ----------
    source : Source
        What to write.
    path : str or Path
        File to write.
    overwrite : bool
        Replace a file that is there.
    on_progress, should_stop : callable, optional
        As in `target.Steps`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExportError
        If the file is there, or cannot be written.
    Stopped
        If the user asked for it.
    """
    steps = Steps(1, on_progress, should_stop)
    with new_file(path, overwrite=overwrite, what="the image") as file:
        write_file(
            file,
            source.frames,
            "TYX" if source.frames.ndim == 3 else "TCYX",
            pixel_size=source.pixel_size,
            pixel_unit=source.length_units,
            times=source.moments if source.time_unit else None,
            times_unit=source.time_unit,
            name=source.name,
        )
        steps.next()
    return Path(path)
