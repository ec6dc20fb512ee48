"""The description of a format, and the progress of an export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari_latentdyn.core.dynamics.deviations import FRAMES_STD
from napari_latentdyn.errors import ExportError, Stopped
from napari_latentdyn.export.target import check_free, new_target

if TYPE_CHECKING:
    import xarray

__all__ = ["STD", "Format", "Option", "Steps", "check_std"]

T = TypeVar("T")


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
        Value that is used unless the user gives another; None leaves the choice
        to the writer.
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


#: Whether a file gets standard deviations, which the dataset then has to hold.
STD = Option(
    "std", bool, False, "Add the standard deviations of velocities and frames, which are computed."
)


def check_std(data: xarray.Dataset, std: bool) -> None:
    """Raise `ExportError` if the standard deviations that `STD` asks for are not in a dataset."""
    if std and FRAMES_STD not in data:
        raise ExportError(
            "the dataset must hold standard deviations; call to_xarray with std=True, or leave std "
            "out."
        )


class Steps:
    """Reports the progress of an export as (done, all), and stops the export on request.

    `check` raises `errors.Stopped` once `should_stop` returns True.
    """

    def __init__(
        self,
        on_progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._reported = False
        self.check()

    def check(self) -> None:
        """Raise `Stopped` if the user stops the export."""
        if self._should_stop is not None and self._should_stop():
            raise Stopped

    def over(self, items: Iterable[T], total: int) -> Iterator[T]:
        """Yield items, and report each item when the caller has processed it."""
        for done, item in enumerate(items, 1):
            yield item
            self._report(min(done, total), total)

    def finish(self) -> None:
        """Report an export of one step as done."""
        if not self._reported:
            self._report(1, 1)
        self.check()

    def _report(self, done: int, total: int) -> None:
        self._reported = True
        if self._on_progress is not None:
            self._on_progress(done, total)
        self.check()


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
        Ends of file names, the usual one first.
    writer : callable
        Called with the dataset, the path to write to, a `Steps` and all options.
    about : str
        Contents of the file, for the user.
    what : str
        Name of the contents, for the sentence about a failure.
    extra : str or None
        Extra of the package that installs `modules`.
    modules : tuple of str
        Modules that the writer imports.
    needs_velocity, needs_run : bool
        Whether the dataset must have velocities, or come from a run folder.
    options : tuple of Option
        Options for the user.
    is_ours : callable, optional
        For a format that writes a folder: returns whether a folder may be replaced.
    note : callable, optional
        Returns a sentence for the user on a dataset in this format, or None.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    writer: Callable[..., object]
    about: str = ""
    what: str = "the file"
    extra: str | None = None
    modules: tuple[str, ...] = ()
    needs_velocity: bool = False
    needs_run: bool = False
    options: tuple[Option, ...] = ()
    is_ours: Callable[[Path], bool] | None = None
    note: Callable[[xarray.Dataset], str | None] = lambda data: None

    @property
    def suffix(self) -> str:
        """The usual end of a file name."""
        return self.suffixes[0]

    @property
    def folder(self) -> bool:
        """Whether the format is a folder."""
        return self.is_ours is not None

    def problem(self, data: xarray.Dataset | None = None) -> str | None:
        """Return the reason why the format cannot be written now, or None."""
        lacking = [name for name in self.modules if find_spec(name) is None]
        if lacking:
            return (
                f"{self.title} needs {' and '.join(lacking)}, not installed here; install with "
                f'pip install "napari-latentdyn[{self.extra}]".'
            )
        if data is not None and self.needs_velocity and "velocity_x" not in data:
            return f"{self.title} needs velocities, which this result lacks; export a run folder."
        if data is not None and self.needs_run and "source" not in data.encoding:
            return "The script cannot locate the images. Save a run folder first."
        return None

    def check_free(self, path: str | Path, *, overwrite: bool) -> Path:
        """Return the absolute path if it may be written, or raise `ExportError`."""
        return check_free(path, overwrite=overwrite, is_ours=self.is_ours)

    def write(
        self,
        data: xarray.Dataset,
        path: str | Path,
        *,
        overwrite: bool = False,
        on_progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        **options: Any,
    ) -> Path:
        """Write a dataset in this format, whole or not at all.

        Parameters
        ----------
        data : xarray.Dataset
            As `make_dataset` describes it.
        path : str or Path
            File or folder to write; folders above it are made.
        overwrite : bool
            Replace an existing file or folder of the same format.
        on_progress, should_stop : callable, optional
            As in `Steps`.
        **options
            Values of `options` by their names.

        Raises
        ------
        ExportError
            If the dataset cannot be written; no partial file is left.
        Stopped
            If `should_stop` returns True.
        """
        chosen = {option.name: option.default for option in self.options}
        for name in options:
            if name not in chosen:
                has = f"it has {', '.join(chosen)}" if chosen else "it has none"
                raise ExportError(f"{self.title} has no option '{name}'; {has}.")
        problem = self.problem(data)
        if problem is not None:
            raise ExportError(problem)
        steps = Steps(on_progress, should_stop)
        with new_target(
            path, overwrite=overwrite, what=self.what, is_ours=self.is_ours
        ) as unfinished:
            self.writer(data, unfinished, steps, **{**chosen, **options})
            steps.finish()
        return Path(path)
