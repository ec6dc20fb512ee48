"""The formats of exports, with what each needs and takes."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.source import Source

__all__ = ["FORMATS", "Format", "Option", "export", "find_format"]


@dataclass(frozen=True)
class Option:
    """An option of a format.

    Attributes
    ----------
    name : str
        Keyword of the writer.
    kind : type
        bool, int, float or str; of a tuple, the type of its members.
    default : object
        What it is without being said; None leaves the choice to the writer.
    description : str
        One sentence for the user.
    count : int
        1 for a value, 2 for a pair, 0 for a list of any length.
    choices : tuple of str
        All values, where they are few.
    """

    name: str
    kind: type
    default: Any
    description: str
    count: int = 1
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """A format of exports.

    Attributes
    ----------
    name : str
        Name for the command line and for code.
    title : str
        Name for a dialog.
    suffixes : tuple of str
        Ends of file names, the usual one first; "" where it is a plain folder.
    writer : str
        ``module:function`` within this package.
    about : str
        What is in it, for the user.
    extra : str or None
        Extra of the package that installs what it needs.
    modules : tuple of str
        Modules that it imports; ``a|b`` is one of two.
    needs_fields, needs_run : bool
        Whether there have to be fields, and a run folder.
    folder : bool
        Whether it writes a folder.
    options : tuple of Option
        What the user may choose.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    writer: str
    about: str = ""
    extra: str | None = None
    modules: tuple[str, ...] = ()
    needs_fields: bool = False
    needs_run: bool = False
    folder: bool = False
    options: tuple[Option, ...] = ()

    @property
    def suffix(self) -> str:
        """The usual end of a file name."""
        return self.suffixes[0]

    def is_ours(self) -> Callable[[Path], bool] | None:
        """Return what says whether a folder may be replaced, or None for a file."""
        if not self.folder:
            return None
        from napari_latentdyn.export import geotiff, omezarr

        return omezarr.is_zarr if "zarr" in self.modules else geotiff.is_series

    def missing(self) -> tuple[str, ...]:
        """Return the modules that are not installed, without importing any."""
        return tuple(
            either.partition("|")[0]
            for either in self.modules
            if all(find_spec(name) is None for name in either.split("|"))
        )

    def problem(self, source: Source | None = None) -> str | None:
        """Return a sentence that says why it cannot be written now, or None if it can."""
        lacking = self.missing()
        if lacking:
            return (
                f"{self.title} needs {' and '.join(lacking)}, not installed here; install with "
                f'pip install "napari-latentdyn[{self.extra}]".'
            )
        if source is not None and self.needs_fields and not source.stages:
            return f"{self.title} needs fields, which this result lacks."
        if source is not None and self.needs_run and source.settings is None:
            return f"{self.title} needs the settings of a run."
        return None

    def note(self, source: Source) -> str | None:
        """Return what a user has to know of what is written, or None."""
        if "rasterio" in self.modules and source.geo is None:
            return (
                "It has no reference system, because the first image had none; y decreases "
                "downwards, as on maps."
            )
        return None

    def check_options(self, options: dict[str, Any]) -> None:
        """Raise `ExportError` if the format has no option of one of the names."""
        known = [option.name for option in self.options]
        for name in options:
            if name not in known:
                has = f"it has {', '.join(known)}" if known else "it has none"
                raise ExportError(f"{self.title} has no option '{name}'; {has}.")

    def write(
        self,
        source: Source,
        path: str | Path,
        *,
        overwrite: bool = False,
        on_progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        **options: Any,
    ) -> Path:
        """Write a source in this format.

        Raises
        ------
        ExportError
            If it cannot be written; nothing half-written is left.
        Stopped
            If `should_stop` asked for it.
        """
        self.check_options(options)
        problem = self.problem(source)
        if problem is not None:
            raise ExportError(problem)
        module, _, name = self.writer.partition(":")
        function = getattr(import_module(f"napari_latentdyn.export.{module}"), name)
        written: Path = function(
            source,
            path,
            overwrite=overwrite,
            on_progress=on_progress,
            should_stop=should_stop,
            **options,
        )
        return written


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
