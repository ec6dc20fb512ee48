"""The folder of a large scene: its description, intermediate arrays, and finished tiles."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.scene.request import SceneRequest
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.files.atomic import write_text
from napari_latentdyn.files.paths import named, why

__all__ = [
    "FRAMES",
    "MATCHED",
    "SCENE",
    "SceneFolder",
    "is_scene_folder",
]

#: Description of a scene, its result, and all else, which is deleted at the end.
SCENE, FRAMES, _WORK, _SOLUTION = "scene.json", "frames.ome.zarr", "work", "solution.npz"
_VELOCITY = "velocity.zarr"
#: Mark of a scene whose velocities are known from frames at other times.
MATCHED = "matched"
_FORMAT = 1
#: What differs between two scenes, in words, by the name in the request.
_DIFFERENT = {
    "images": "images",
    "shape": "images",
    "channels": "images",
    "tile": "tiles",
    "reduced": "tiles",
    "settings": "settings",
    "times": "times of the frames",
}


def is_scene_folder(path: Path) -> bool:
    """Return whether a folder holds a large scene, finished or not."""
    return (path / SCENE).is_file()


def _plain(request: SceneRequest) -> dict[str, Any]:
    """Return a request as it is read from the folder."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(request)))
    return plain


class SceneFolder:
    """Reads and writes the folder of a large scene, from any process.

    An array is written in whole chunks, each by one task, and a task is marked as done after
    its arrays are written: what was stopped in between is written again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

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
            return
        self.path.mkdir(parents=True, exist_ok=True)
        self._write({"format": _FORMAT, "request": _plain(request), "report": {}})

    def redraw(self, request: SceneRequest) -> bool:
        """Begin frames at other times of a finished scene, whose velocities stay.

        Returns
        -------
        bool
            False if the scene is not finished, or differs in more or in less than its
            frames; then nothing is changed.
        """
        if not is_scene_folder(self.path) or not self.report():
            return False
        plain, known = _plain(request), self._description()["request"]
        without_frames = [
            {**each, "times": None, "settings": {**each["settings"], "output": None}}
            for each in (known, plain)
        ]
        if without_frames[0] != without_frames[1] or known["times"] == plain["times"]:
            return False
        # In this order a scene that is stopped here is either finished as before or begun.
        self.mark(MATCHED)
        self._write({"format": _FORMAT, "request": plain, "report": {}})
        shutil.rmtree(self.frames, ignore_errors=True)
        return True

    def check_same(self, request: SceneRequest) -> None:
        """Check that the folder holds this scene.

        Raises
        ------
        RunFolderError
            If it holds a scene of other images or settings.
        """
        plain = _plain(request)
        known = self._description()["request"]
        other = [said for name, said in _DIFFERENT.items() if known.get(name) != plain[name]]
        remedy = "choose another folder, or overwrite it"
        if not other:
            if known.get("stamps") == plain["stamps"]:
                return
            names = ", ".join(Path(source).name for source in plain["images"])
            raise RunFolderError(
                f"{names}: a file was changed after the scene in {named(self.path)} was begun; "
                f"{remedy}."
            )
        kinds = " and ".join(dict.fromkeys(other))
        raise RunFolderError(f"{named(self.path)} holds a scene with other {kinds}; {remedy}.")

    def discard(self) -> None:
        """Delete a scene of which nothing was computed that is worth keeping."""
        if self.solution() is None:
            with suppress(RunFolderError, OSError):
                self.clear()
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
