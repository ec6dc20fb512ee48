"""Matched intervals of a long series on disk, one file each, and arrays beside them."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors import SafetensorError

from napari_latentdyn.core.matching.ensemble import Ensemble, StoredEnsembles
from napari_latentdyn.errors import FitError, RunFolderError
from napari_latentdyn.files.atomic import replace_file, write_text
from napari_latentdyn.files.paths import named, why
from napari_latentdyn.files.tensors import TensorFile, write_tensors

__all__ = ["MARK", "EnsembleFiles", "IntervalStore"]

#: File that names the series of a folder, and the file that a process locks.
MARK, _LOCK = "series.json", ".lock"
_FORMAT = 1
_BRIGHTNESS = "brightness"
#: Files of a store, besides its mark and its lock.
_FILES = ("matched-*.safetensors", "followed-*.safetensors", ".*.safetensors", "*fields.npy")
#: Stores of this process, by folder.
_OPEN: weakref.WeakValueDictionary[Path, IntervalStore] = weakref.WeakValueDictionary()


class EnsembleFiles:
    """Files with the ensemble of each interval; `kind` begins their names."""

    def __init__(self, store: IntervalStore, kind: str) -> None:
        # Keeps the folder as long as the ensembles are used.
        self._store = store
        self._kind = kind

    def path(self, index: int) -> Path:
        """Return the file of an interval."""
        return self._store.folder / f"{self._kind}-{index:05d}.safetensors"

    def missing(self) -> list[int]:
        """Return the intervals without a file, or with a damaged one."""
        return [index for index in range(self._store.count) if not self._is_whole(index)]

    def write(
        self, index: int, ensemble: Ensemble, brightness: NDArray[np.float32] | None = None
    ) -> None:
        """Write the ensemble of an interval, completely or not at all.

        `brightness`, (C, 2), are gain and offset of the last image, if matching found them.
        """
        # In double precision, numbers are read as they were.
        arrays = ensemble.to_arrays(np.float64)
        if brightness is not None:
            arrays[_BRIGHTNESS] = brightness
        with replace_file(self.path(index), FitError, "the matched interval") as file:
            write_tensors(file, arrays, {"format": str(_FORMAT)})

    def read(self, index: int) -> Ensemble:
        """Read the ensemble of an interval; FitError if its file is damaged."""
        try:
            return Ensemble.from_arrays(TensorFile(self.path(index)))
        except (OSError, SafetensorError, KeyError, ValueError):
            raise FitError(
                f"the matched interval {named(self.path(index))} is missing or damaged; start "
                "again to match the interval again."
            ) from None

    def brightness(self, index: int) -> NDArray[np.float32] | None:
        """Return gain and offset of the last image of an interval, (C, 2), if there are any."""
        return TensorFile(self.path(index)).get(_BRIGHTNESS)

    def ensembles(self) -> StoredEnsembles:
        """Return the ensembles of all intervals, which are read when they are used."""
        return StoredEnsembles(self._store.count, self.read)

    def clear(self) -> None:
        """Delete the files."""
        for index in range(self._store.count):
            self.path(index).unlink(missing_ok=True)

    def _is_whole(self, index: int) -> bool:
        try:
            return "velocities" in TensorFile(self.path(index))
        except (OSError, SafetensorError, ValueError):
            return False


class IntervalStore:
    """A folder with the ensembles of a series, from which a stopped fit continues.

    Parameters
    ----------
    folder : Path or None
        The folder; None for a temporary one, which is deleted with this object.
    key : str
        Hash of everything that decides the ensembles. Files of another key are deleted.
    count : int
        Number of intervals.

    Raises
    ------
    RunFolderError
        If the folder holds other files, is used by another process or result, or cannot be
        written.
    """

    def __init__(self, folder: Path | None, key: str, count: int) -> None:
        self.key, self.count = key, count
        #: Whether the folder held intervals of other images or settings.
        self.replaced = False
        self._lock: FileLock | None = None
        self._discarding: weakref.finalize[..., Any] | None = None
        if folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="napari-latentdyn-"))
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        else:
            self.folder = folder.resolve()
            self._open()

    @property
    def finished(self) -> int:
        """Number of the intervals that are matched."""
        least = min(len(files.missing()) for files in (self.matched, self.followed))
        return self.count - least

    @property
    def matched(self) -> EnsembleFiles:
        """Ensembles as matched."""
        return EnsembleFiles(self, "matched")

    @property
    def followed(self) -> EnsembleFiles:
        """Ensembles on the courses that their neighbours gave."""
        return EnsembleFiles(self, "followed")

    @staticmethod
    def opened(folder: Path) -> IntervalStore | None:
        """Return the store of a folder that a result of this process uses, else None."""
        return _OPEN.get(folder.resolve())

    @classmethod
    def of(cls, folder: Path | None, key: str, count: int) -> IntervalStore:
        """Return the store of a folder, which results of this process share."""
        known = None if folder is None else _OPEN.get(folder.resolve())
        if known is not None and (known.key, known.count) == (key, count):
            return known
        return cls(folder, key, count)

    def _open(self) -> None:
        _check_ours(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.folder)
            if _key(self.folder) != self.key:
                self.replaced = any(self.folder.glob("*.safetensors"))
                _clear(self.folder)
            described = {"format": _FORMAT, "key": self.key, "intervals": self.count}
            unfinished = self.folder / f"{MARK}.part"
            write_text(unfinished, json.dumps(described) + "\n")
            unfinished.replace(self.folder / MARK)
            for left_over in self.folder.glob(".*.safetensors"):
                left_over.unlink()
        except OSError as error:
            raise RunFolderError(
                f"{named(self.folder)} cannot be written ({why(error)}); choose another folder."
            ) from None
        _OPEN[self.folder] = self

    def follow(self, ensembles: Iterable[Ensemble]) -> Iterable[int]:
        """Write the ensembles on their courses, and yield the number of each; see `followed`.

        Those as matched are deleted when all are written.
        """
        for index, ensemble in enumerate(ensembles):
            self.followed.write(index, ensemble, self.matched.brightness(index))
            yield index
        self.matched.clear()

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Make an array of zeros in a file that is mapped into the memory.

        Raises
        ------
        FitError
            If the disk is full.
        """
        file = self.folder / f"{name}.npy"
        if shutil.disk_usage(self.folder).free < 4 * math.prod(shape):
            # A mapped file that the disk has no room for would end the process.
            raise FitError(
                f"cannot write {named(file)}: the disk is full; free some space and start again."
            )
        # An earlier result may still use the file of this name.
        file.unlink(missing_ok=True)
        return np.asarray(np.lib.format.open_memmap(file, "w+", np.float32, shape))

    def close(self) -> None:
        """Let other processes use the folder; without a matched interval it is deleted."""
        if self._lock is None:
            return
        if self.folder.is_dir() and not any(self.folder.glob("*.safetensors")):
            _clear(self.folder)
            (self.folder / MARK).unlink(missing_ok=True)
        _OPEN.pop(self.folder, None)
        _release(self.folder, self._lock)
        self._lock = None
        if self._discarding is not None:
            self._discarding.detach()

    def discard_when_unused(self) -> None:
        """Delete the folder as soon as no result uses this store."""
        if self._lock is not None and self._discarding is None:
            self._discarding = weakref.finalize(self, _discard, self.folder, self._lock)

    @staticmethod
    def discard(folder: Path) -> None:
        """Delete the store of a folder, unless another process uses it; other files stay."""
        known = _OPEN.get(folder.resolve())
        if known is not None:
            known.close()
        if _key(folder) is None:
            return
        try:
            _discard(folder, _locked(folder))
        except RunFolderError:
            return


def _check_ours(folder: Path) -> None:
    """Raise RunFolderError if a folder holds files that no store has written."""
    if not folder.exists():
        return
    begun = {folder / _LOCK, folder / f"{MARK}.part"}
    if folder.is_dir() and (_key(folder) is not None or set(folder.iterdir()) <= begun):
        return
    raise RunFolderError(
        f"{named(folder)} would hold the intervals that are matched, and holds other files; "
        "rename it, or choose another folder for the result."
    )


def _key(folder: Path) -> str | None:
    """Return the key of a store, empty if it is unknown; None for another folder."""
    try:
        known: Any = json.loads((folder / MARK).read_text("utf-8"))
        return str(known["key"]) if known["format"] == _FORMAT else ""
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _locked(folder: Path) -> FileLock:
    # A result is used in other threads than the one that computed it.
    lock = FileLock(folder / _LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunFolderError(
            f"the intervals in {named(folder)} are being matched by another process, or used by "
            "another result; wait for it, or choose another folder."
        ) from None
    return lock


def _release(folder: Path, lock: FileLock) -> None:
    """Release a lock, and delete a folder that holds nothing else."""
    if not (folder / MARK).exists():
        (folder / _LOCK).unlink(missing_ok=True)
    lock.release()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _discard(folder: Path, lock: FileLock) -> None:
    """Delete a store whose lock this process has."""
    with contextlib.suppress(OSError):
        _clear(folder)
        (folder / MARK).unlink(missing_ok=True)
        _release(folder, lock)


def _clear(folder: Path) -> None:
    for pattern in _FILES:
        for file in folder.glob(pattern):
            file.unlink()
