"""The folder of a large scene: its request, intermediate arrays, and finished tiles."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.result import frame_times
from napari_latentdyn.core.observations.images.selection import parse_source
from napari_latentdyn.core.observations.images.windows import WindowedImage
from napari_latentdyn.core.scene.pyramid import level_shapes
from napari_latentdyn.errors import ObservationError, RunFolderError, SettingsError
from napari_latentdyn.files.atomic import write_text
from napari_latentdyn.files.paths import named
from napari_latentdyn.settings import Settings

__all__ = [
    "FRAMES",
    "SCENE",
    "SceneFolder",
    "SceneRequest",
    "frame_shapes",
    "is_scene_folder",
    "request_of",
]

#: Description of a scene, its result, and all else, which is deleted at the end.
SCENE, FRAMES, _WORK, _SOLUTION = "scene.json", "frames.ome.zarr", "work", "solution.npz"
_VELOCITY = "velocity.zarr"
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
#: Number of pixels of a scene up to which it is matched as a whole.
_WHOLE = 1 << 20


@dataclass(frozen=True)
class SceneRequest:
    """Images and settings of a large scene.

    Attributes
    ----------
    images : pair of str
        Both images, as `open_windows` takes them.
    stamps : pair of str
        Size and time of change of each file.
    shape : (int, int)
        Height and width in pixels.
    channels : int
        Number of channels.
    tile : int
        Side of the tiles in pixels.
    reduced : int
        Number of pixels up to which the scene is matched as a whole.
    settings : mapping
        Settings as plain data.
    times : sequence of float
        Times of the frames as fractions of the interval.
    placement : mapping or None
        Size of the pixels, as `Geometry.to_report` gives it.
    rgb : bool
        Whether the channels are red, green and blue.
    """

    images: tuple[str, str]
    stamps: tuple[str, str]
    shape: tuple[int, int]
    channels: int
    tile: int
    reduced: int
    settings: Mapping[str, Any]
    times: tuple[float, ...]
    placement: Mapping[str, Any] | None = None
    rgb: bool = False

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> SceneRequest:
        """Make the request that `asdict` turned into plain data."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in plain.items()
        }
        return cls(**values)


def request_of(
    sources: tuple[str, str],
    images: tuple[WindowedImage, WindowedImage],
    settings: Settings,
    tile: int,
    reduced: int | None = None,
) -> SceneRequest:
    """Check images and settings of a large scene, and return the request for it.

    Parameters
    ----------
    sources : pair of str
        Both images, as `open_windows` takes them.
    images : pair of WindowedImage
        The same images, opened.
    settings : Settings
        Those of a matching without training.
    tile : int
        Side of the tiles in pixels.
    reduced : int, optional
        Number of pixels up to which the scene is matched as a whole.

    Raises
    ------
    ObservationError
        If the images differ in size, are too small, or lack the chosen channel.
    SettingsError
        If the settings ask for networks or training.
    """
    reduced = reduced or _WHOLE
    first, last = images
    sizes = [f"{image.shape[1]} x {image.shape[2]}" for image in images]
    if first.shape[1:] != last.shape[1:]:
        raise ObservationError(
            f"the first image has {sizes[0]} pixels and the last {sizes[1]}: crop or resample "
            "them to the same grid first."
        )
    if first.shape[1] * first.shape[2] <= reduced:
        raise ObservationError(
            f"the images have {sizes[0]} pixels and need no tiles: use the command run."
        )
    channel = settings.images.channel
    for image in images:
        if channel is not None and channel >= image.shape[0]:
            raise ObservationError(f"{image.name} has no channel {channel}.")
    if channel is None and first.shape[0] != last.shape[0]:
        raise ObservationError(
            f"the first image has {first.shape[0]} channel(s) and the last {last.shape[0]}: "
            "choose one with --channel."
        )
    wanted = {
        "training.steps": 0,
        "training.start_from": "scratch",
        "model.initial_fields": "matched",
        "physics.transport": "characteristics",
    }
    for name, value in wanted.items():
        if settings.get(name) != value:
            raise SettingsError(
                "a large scene is matched without networks, as by the presets quick and standard: "
                f"{name} must be {value}; got {settings.get(name)}."
            )
    return SceneRequest(
        images=(_absolute(sources[0]), _absolute(sources[1])),
        stamps=(_stamp(sources[0]), _stamp(sources[1])),
        shape=first.shape[1:],
        channels=1 if channel is not None else first.shape[0],
        tile=tile,
        reduced=reduced,
        settings=json.loads(settings.to_json()),
        times=tuple(map(float, frame_times(settings))),
        rgb=channel is None and all(image.rgb for image in images),
        placement=next((i.geometry.to_report() for i in images if i.geometry is not None), None),
    )


def frame_shapes(request: SceneRequest) -> list[tuple[int, int]]:
    """Return the sizes of the levels of the frames; the last one is a quarter of `reduced`."""
    return level_shapes(request.shape, request.reduced // 4)


def _absolute(source: str) -> str:
    """Return a source whose file can be found from any folder."""
    path = parse_source(source).path
    return str(path.expanduser().resolve()) + source.removeprefix(str(path))


def _stamp(source: str) -> str:
    status = parse_source(source).path.expanduser().stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def is_scene_folder(path: Path) -> bool:
    """Return whether a folder holds a large scene, finished or not."""
    return (path / SCENE).is_file()


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
        plain = json.loads(json.dumps(asdict(request)))
        if is_scene_folder(self.path):
            self._check_same(plain)
            return
        self.path.mkdir(parents=True, exist_ok=True)
        self._write({"format": _FORMAT, "request": plain, "report": {}})

    def _check_same(self, plain: Mapping[str, Any]) -> None:
        known = self._description()["request"]
        other = [said for name, said in _DIFFERENT.items() if known.get(name) != plain[name]]
        remedy = "choose another folder, or --overwrite"
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
            shutil.rmtree(self.path, ignore_errors=True)

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
