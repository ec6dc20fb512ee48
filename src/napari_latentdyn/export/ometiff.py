"""Frames as OME-TIFF, for ImageJ, Fiji and archives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_latentdyn.core.observations.ometiff import write_ome_tiff
from napari_latentdyn.export.format import Format, Steps
from napari_latentdyn.export.grid import length_units, pixel_size, time_unit

if TYPE_CHECKING:
    import xarray

__all__ = ["FORMAT"]


def _write(data: xarray.Dataset, path: Path, steps: Steps) -> None:
    unit = time_unit(data)
    write_ome_tiff(
        path,
        data.frames.values,
        "TCYX" if "channel" in data.dims else "TYX",
        pixel_size=pixel_size(data),
        pixel_unit=length_units(data),
        times=data.time.values if unit else None,
        times_unit=unit,
        name=data.attrs["title"],
    )


FORMAT = Format(
    "ome-tiff",
    "OME-TIFF",
    (".ome.tif", ".ome.tiff"),
    _write,
    about="Frames with pixel size, units and times, for ImageJ and others.",
    what="the image",
)
