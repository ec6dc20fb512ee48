"""Export of results in formats of papers, GIS and pipelines.

`export` writes a dataset, as `Dynamics.to_xarray` returns it. `FORMATS` lists the formats with
their options, for the command line and for a dialog. Nothing here needs PyTorch, Qt or napari,
and the library of a format is imported when a file is written.

Examples
--------
>>> from napari_latentdyn import Dynamics
>>> from napari_latentdyn.export import export
>>> data = Dynamics.load("drift").to_xarray()  # doctest: +SKIP
>>> export(data, "drift.mp4", fps=12, arrows=True)  # doctest: +SKIP
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_latentdyn.core.dynamics.dataset import at_times, make_dataset
from napari_latentdyn.errors import ExportError
from napari_latentdyn.export import (
    figure,
    geotiff,
    movie,
    netcdf,
    ometiff,
    omezarr,
    script,
    tables,
)
from napari_latentdyn.export.format import Format, Option

if TYPE_CHECKING:
    import xarray

__all__ = [
    "FORMATS",
    "Format",
    "Option",
    "at_times",
    "export",
    "find_format",
    "make_dataset",
]

#: All formats, in the order of a dialog.
FORMATS: tuple[Format, ...] = (
    ometiff.FORMAT,
    omezarr.FORMAT,
    netcdf.FORMAT,
    tables.FIELDS,
    tables.TRACKS,
    movie.MP4,
    movie.GIF,
    figure.FORMAT,
    geotiff.FORMAT,
    script.FORMAT,
)


def find_format(text: str) -> tuple[Format, str]:
    """Return the format and suffix for a name, a suffix or a path.

    Examples are ``netcdf``, ``svg``, ``.mp4`` and ``out/drift.ome.tif``.
    """
    given = text.strip().lower()
    for form in FORMATS:
        if given == form.name:
            return form, form.suffix
    ends = [(end, form) for form in FORMATS for end in form.suffixes]
    # The longest suffix counts: .ome.tif is OME-TIFF, .tif is GeoTIFF.
    for end, form in sorted(ends, key=lambda pair: -len(pair[0])):
        if given.endswith(end) or f".{given.lstrip('.')}" == end:
            return form, end
    known = [form.name for form in FORMATS] + [end.lstrip(".") for end, _ in ends]
    names = list(dict.fromkeys(known))
    near = difflib.get_close_matches(given.lstrip("."), names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(names)}."
    raise ExportError(f"there is no format '{text}'; {hint}")


def export(
    data: xarray.Dataset, path: str | Path, form: str | None = None, **arguments: Any
) -> Path:
    """Write a dataset in the format of a name, or of the end of the path.

    Parameters
    ----------
    data : xarray.Dataset
        As `make_dataset` describes it.
    path : str or Path
        File or folder to write.
    form : str, optional
        Name of a format.
    **arguments
        Those of `Format.write`, and the options of the format.

    Raises
    ------
    ExportError
        If there is no such format, or it cannot be written.
    """
    return find_format(form or str(path))[0].write(data, path, **arguments)
