"""What is known of a format of exports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from napari_latentdyn.errors import ExportError
from napari_latentdyn.export.source import Source

__all__ = ["Format", "Option"]


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
