"""The formats of exports, with what each needs and takes."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.format import Format, Option
from napari_latentdyn.export.source import Source

__all__ = ["FORMATS", "export", "find_format"]


_SPACING = Option("spacing", int, None, "Distance between arrows or points in pixels.")
_LOOK = (
    Option("colormap", str, "gray", "Colour map of Matplotlib."),
    Option("limits", float, None, "Intensities at the ends of the colour map.", count=2),
    Option("channel", int, 0, "Channel to show, where the frames have several."),
    _SPACING,
)
_MOVIE = (
    Option("fps", float, 10.0, "Frames per second."),
    Option("width", int, None, "Width of the movie in pixels."),
    Option("arrows", bool, False, "Draw the arrows of each stage over its frames."),
    Option("label", bool, True, "Show the time of each frame."),
    Option("scale_bar", bool, True, "Show a scale bar."),
    *_LOOK,
)
_DRAWING = ("matplotlib", "av")

#: All formats, in the order of a dialog.
FORMATS: tuple[Format, ...] = (
    Format(
        "ome-tiff",
        "OME-TIFF",
        (".ome.tif", ".ome.tiff"),
        "ometiff:write_ome_tiff",
        about="Frames with pixel size, units and times, for ImageJ and others.",
    ),
    Format(
        "ome-zarr",
        "OME-Zarr",
        (".ome.zarr", ".zarr"),
        "omezarr:write_ome_zarr",
        about="Frames as a pyramid in chunks with scale, places and units, and the fields.",
        extra="export",
        modules=("zarr",),
        folder=True,
        options=(
            Option("ngff", str, "0.4", "Version of OME-NGFF.", choices=("0.4", "0.5")),
            Option("fields", bool, True, "Put the fields beside the frames."),
        ),
    ),
    Format(
        "netcdf",
        "netCDF (CF)",
        (".nc",),
        "netcdf:write_netcdf",
        about="Frames and fields after the CF conventions, for xarray, QGIS, Panoply.",
        extra="export",
        modules=("xarray", "h5py|netCDF4"),
        options=(
            Option("sea_ice", bool, False, "Call the fields by the CF names of sea-ice velocity."),
            Option("start", str, None, "Date and time of the first image, 2021-03-01T08:30."),
        ),
    ),
    Format(
        "csv",
        "Table of fields (CSV)",
        (".csv",),
        "tables:write_csv",
        about="The fields, one row for each stage and place, in pixels and in units.",
        needs_fields=True,
        options=(_SPACING,),
    ),
    Format(
        "tracks",
        "Table of tracks (CSV)",
        (".tracks.csv", ".csv"),
        "tables:write_tracks",
        about="Paths of the tracers that were carried, or else of evenly spaced points.",
        options=(_SPACING,),
    ),
    Format(
        "npz", "NumPy arrays", (".npz",), "tables:write_npz", about="Everything as NumPy arrays."
    ),
    Format(
        "mp4",
        "Movie (MP4)",
        (".mp4",),
        "movie:write_mp4",
        about="The frames as a movie that every player shows, with arrows if wanted.",
        extra="export",
        modules=_DRAWING,
        options=_MOVIE,
    ),
    Format(
        "gif",
        "Movie (GIF)",
        (".gif",),
        "movie:write_gif",
        about="The frames as an animated GIF, with arrows if wanted.",
        extra="export",
        modules=_DRAWING,
        options=_MOVIE,
    ),
    Format(
        "figure",
        "Figure",
        (".png", ".svg", ".pdf"),
        "figure:write_figure",
        about="Publication figure: selected frames and the motion between them.",
        extra="export",
        modules=("matplotlib",),
        options=(
            Option("width_mm", float, 180.0, "Width of the figure in millimetres."),
            Option("shown", float, None, "Fractions of the interval to show.", count=0),
            Option("dpi", int, 300, "Pixels per inch."),
            *_LOOK,
        ),
    ),
    Format(
        "geotiff",
        "GeoTIFF, a band for each time",
        (".tif", ".tiff"),
        "geotiff:write_geotiff",
        about="Frames in the reference system of the GeoTIFF that the first image was.",
        extra="geo",
        modules=("rasterio",),
    ),
    Format(
        "geotiff-series",
        "GeoTIFF, a file for each time and field",
        ("",),
        "geotiff:write_geotiff_series",
        about="A file for each time, and one of two bands for each field.",
        extra="geo",
        modules=("rasterio",),
        folder=True,
    ),
    Format(
        "script",
        "Python script",
        (".py",),
        "script:write_script",
        about="A Python script that makes the run again; napari runs it, too.",
        needs_run=True,
    ),
)


def find_format(text: str) -> tuple[Format, str]:
    """Return the format that a name, a suffix or the end of a path means, and the suffix.

    Parameters
    ----------
    text : str
        Such as ``netcdf``, ``svg``, ``.mp4`` or ``out/drift.ome.tif``.

    Raises
    ------
    ExportError
        If there is none.
    """
    given = text.strip().lower()
    for form in FORMATS:
        if given == form.name:
            return form, form.suffix
    ends = [(end, form) for form in FORMATS for end in form.suffixes if end]
    # The longest end goes first: .ome.tif is no GeoTIFF.
    for end, form in sorted(ends, key=lambda pair: -len(pair[0])):
        if given.endswith(end) or f".{given.lstrip('.')}" == end:
            return form, end
    known = [form.name for form in FORMATS] + [end.lstrip(".") for end, _ in ends]
    names = list(dict.fromkeys(known))
    near = difflib.get_close_matches(given.lstrip("."), names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(names)}."
    raise ExportError(f"there is no format '{text}'; {hint}")


def export(source: Source, path: str | Path, form: str | None = None, **arguments: Any) -> Path:
    """Write a source in the format of a name, or of the end of the path.

    Parameters
    ----------
    source : Source
        What to write.
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
    return find_format(form or str(path))[0].write(source, path, **arguments)
