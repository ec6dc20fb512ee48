"""The folder of a large scene: its description, intermediate arrays, and finished tiles."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from napari_latentdyn.core.runfolder.report import SCENE
from napari_latentdyn.core.scene.request import SceneRequest
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.files.atomic import write_text
from napari_latentdyn.files.paths import named, why
from napari_latentdyn.settings.text import shown

__all__ = [
    "FRAMES",
    "MATCHED",
    "SCENE",
    "SceneFolder",
    "is_scene_folder",
]

#: Description of a scene, its result, and all else, which is deleted at the end.
FRAMES, _WORK, _SOLUTION = "frames.ome.zarr", "work", "solution.npz"
_VELOCITY, _LOCK = "velocity.zarr", ".lock"
#: Mark of a scene whose velocities are known.
MATCHED = "matched"
_FORMAT = 1
#: What differs between two scenes, in words, by the name in the request.
_DIFFERENT = {
    "images": "images",
    "shape": "images",
    "channels": "images",
    "tile": "tiles",
    "reduced": "tiles",
    "times": "times of the frames",
}
#: Settings in which the same scene may differ, and those of its frames alone.
_FREE = ("training.threads", "training.device")
_OF_FRAMES = ("output", "images.interval", "images.interval_unit")
#: Number of different settings that a sentence names.
_NAMED = 3


def is_scene_folder(path: Path) -> bool:
    """Return whether a folder holds a large scene, finished or not."""
    return (path / SCENE).is_file()


def _plain(request: SceneRequest) -> dict[str, Any]:
    """Return a request as it is read from the folder."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(request)))
    return plain


def _essential(plain: Mapping[str, Any], *, frames: bool = True) -> dict[str, Any]:
    """Return what two requests for the same scene have in common, with or without frames."""
    left_out = _FREE if frames else (*_FREE, *_OF_FRAMES)
    settings = {
        f"{group}.{name}": value
        for group, values in plain["settings"].items()
        for name, value in values.items()
        if group not in left_out and f"{group}.{name}" not in left_out
    }
    # Frames at the same times are the same, however they were chosen.
    for name in ("output.times", "output.frames"):
        settings.pop(name, None)
    return {**plain, "settings": settings, "times": plain["times"] if frames else None}


class SceneFolder:
    """Reads and writes the folder of a large scene, from any process.

    An array is written in whole chunks, each by one task, and a task is marked as done after
    its arrays are written: what was stopped in between is written again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from computing in the folder.

        Raises
        ------
        RunFolderError
            If another process computes in it.
        """
        lock = FileLock(self.path / _LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise RunFolderError(
                f"the scene in {named(self.path)} is being computed by another process; wait for "
                "it, or choose another folder."
            ) from None
        except OSError as error:
            raise RunFolderError(
                f"{named(self.path)} cannot be written ({why(error)}); choose another folder."
            ) from None
        try:
            yield
        finally:
            lock.release()
            (self.path / _LOCK).unlink(missing_ok=True)

    @property
    def frames(self) -> Path:
        """The frames, an OME-Zarr."""
        return self.path / FRAMES

    def start(self, request: SceneRequest) -> None:
        """Begin a scene, or continue the same one.

        Raises
        ------
        RunFolderError
            If the folder holds a scene of other images or settings.
        """
        if is_scene_folder(self.path):
            self.check_same(request)
            known, plain = self._description(), _plain(request)
            if known["request"] != plain:
                # Threads and device are others now.
                self._write({**known, "request": plain})
            return
        self.path.mkdir(parents=True, exist_ok=True)
        self._write({"format": _FORMAT, "request": _plain(request), "report": {}})

    def serves(self, request: SceneRequest) -> bool:
        """Return whether the velocities of the folder serve another request, for other frames."""
        if not is_scene_folder(self.path) or not (self.report() or self.is_done(MATCHED)):
            return False
        known, plain = self._description()["request"], _plain(request)
        return _essential(known, frames=False) == _essential(plain, frames=False)

    def redraw(self, request: SceneRequest) -> bool:
        """Begin other frames of a scene whose velocities are known and stay.

        Returns
        -------
        bool
            False if the scene differs in more or in less than its frames, or its velocities
            are not known; then nothing is changed.
        """
        plain = _plain(request)
        if not self.serves(request):
            return False
        if _essential(self._description()["request"]) == _essential(plain):
            return False
        # In this order a scene that is stopped here is finished as before, or draws frames.
        self.mark(MATCHED)
        for task in (self.path / _WORK / "done").iterdir():
            if task.name != MATCHED:
                task.unlink()
        self._write({"format": _FORMAT, "request": plain, "report": {}})
        shutil.rmtree(self.frames, ignore_errors=True)
        return True

    def check_same(self, request: SceneRequest) -> None:
        """Check that the folder holds this scene; threads and device may differ.

        Raises
        ------
        RunFolderError
            If it holds a scene of other images or settings.
        """
        plain, known = _plain(request), self._description()["request"]
        remedy = "choose another folder, or overwrite it"
        if _essential(known) == _essential(plain):
            return
        if self.serves(request):
            raise RunFolderError(
                f"{named(self.path)} holds this scene with other frames; overwrite it to draw "
                "these with its velocities, or choose another folder."
            )
        kinds = [said for name, said in _DIFFERENT.items() if known.get(name) != plain[name]]
        old, new = (_essential(each)["settings"] for each in (known, plain))
        kinds += [
            f"{name} ({shown(old.get(name))}, now {shown(value)})"
            for name, value in new.items()
            if old.get(name) != value
        ][:_NAMED]
        if kinds:
            listed = " and ".join(dict.fromkeys(kinds))
            raise RunFolderError(f"{named(self.path)} holds a scene with other {listed}; {remedy}.")
        names = ", ".join(Path(source).name for source in plain["images"])
        raise RunFolderError(
            f"{names}: a file was changed after the scene in {named(self.path)} was begun; "
            f"{remedy}."
        )

    def discard(self) -> None:
        """Delete a scene of which nothing was computed that is worth keeping."""
        if self.solution() is None:
            with suppress(RunFolderError, OSError):
                self.clear()
                (self.path / _LOCK).unlink(missing_ok=True)
                self.path.rmdir()

    def clear(self) -> None:
        """Delete the scene; other files in the folder stay, and so does the folder.

        Raises
        ------
        RunFolderError
            If a file cannot be deleted.
        """
        try:
            # The description is last: what is left of a scene stays one that can be deleted.
            for name in (FRAMES, _VELOCITY, _WORK, f"{_SOLUTION}.part", _SOLUTION, SCENE):
                part = self.path / name
                if part.is_dir():
                    shutil.rmtree(part)
                else:
                    part.unlink(missing_ok=True)
        except OSError as error:
            raise RunFolderError(
                f"the scene in {named(self.path)} cannot be deleted ({why(error)}); choose another "
                "folder."
            ) from None

    def request(self) -> SceneRequest:
        """Return images and settings of the scene."""
        return SceneRequest.from_plain(self._description()["request"])

    def report(self) -> dict[str, Any]:
        """Return the report of the result; empty until it is finished."""
        return dict(self._description()["report"])

    def finish(self, report: Mapping[str, Any]) -> None:
        """Write the report, and delete intermediate arrays."""
        self._write({**self._description(), "report": dict(report)})
        shutil.rmtree(self.path / _WORK, ignore_errors=True)

    def array(self, name: str) -> Any:
        """Open an intermediate array."""
        import zarr

        return zarr.open_array(str(self._stored(name)), mode="r+")

    def _stored(self, name: str) -> Path:
        """Return where an array is; the velocities at full resolution are kept."""
        return self.path / (_VELOCITY if name == "velocity/0" else f"{_WORK}/{name}")

    def create(
        self, name: str, shape: Sequence[int], chunks: Sequence[int], kind: str = "float32"
    ) -> None:
        """Make an array of floating point numbers, unless there is one; it is NaN at first."""
        import zarr

        target = self._stored(name)
        if not (target / "zarr.json").is_file():
            zarr.create_array(
                str(target),
                shape=tuple(shape),
                chunks=tuple(min(a, b) for a, b in zip(chunks, shape, strict=True)),
                dtype=kind,
                fill_value=np.nan,
                overwrite=True,
            )

    def save(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep the solution of the reduced scene."""
        unfinished = self.path / f"{_SOLUTION}.part"
        with unfinished.open("wb") as file:
            given: dict[str, Any] = dict(arrays)
            np.savez_compressed(file, **given)
        unfinished.replace(self.path / _SOLUTION)

    def solution(self) -> dict[str, NDArray[Any]] | None:
        """Return the arrays of `save`, or None before."""
        path = self.path / _SOLUTION
        if not path.is_file():
            return None
        with np.load(path) as stored:
            return {name: stored[name] for name in stored.files}

    def is_done(self, task: str) -> bool:
        """Return whether a task is done."""
        return (self.path / _WORK / "done" / task).is_file()

    def mark(self, task: str) -> None:
        """Mark a task as done."""
        mark = self.path / _WORK / "done" / task
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()

    def _description(self) -> dict[str, Any]:
        try:
            described: dict[str, Any] = json.loads((self.path / SCENE).read_text("utf-8"))
            if described["format"] != _FORMAT:
                raise RunFolderError(
                    f"{named(self.path)} was written by another version of napari-latentdyn; "
                    "compute the scene again."
                )
            described["request"], described["report"]
        except (OSError, ValueError, KeyError, TypeError):
            raise RunFolderError(
                f"{named(self.path / SCENE)} is missing or damaged: compute the scene again, into "
                "another folder."
            ) from None
        return described

    def _write(self, described: Mapping[str, Any]) -> None:
        unfinished = self.path / f"{SCENE}.part"
        write_text(unfinished, json.dumps(described, indent=1) + "\n")
        unfinished.replace(self.path / SCENE)
