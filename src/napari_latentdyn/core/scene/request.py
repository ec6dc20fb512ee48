"""The request of a large scene: images, tiles, settings and times of the frames."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_latentdyn.core.dynamics.result import frame_times
from napari_latentdyn.core.observations.images.selection import parse_source
from napari_latentdyn.core.observations.images.windows import WindowedImage
from napari_latentdyn.core.observations.patches import covering
from napari_latentdyn.core.scene.pyramid import level_shapes, whole_tile
from napari_latentdyn.equations import AUTO, EQUATIONS
from napari_latentdyn.errors import ObservationError, SettingsError
from napari_latentdyn.settings import Settings

__all__ = ["SceneRequest", "frame_shapes", "request_of", "tile_count", "tile_side"]

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
    if _absolute(sources[0]) == _absolute(sources[1]):
        raise ObservationError("both images are the same file: choose images of different times.")
    sizes = [f"{image.shape[1]} x {image.shape[2]}" for image in images]
    if first.shape[1:] != last.shape[1:]:
        raise ObservationError(
            f"the first image has {sizes[0]} pixels and the last {sizes[1]}: crop or resample "
            "them to the same grid first."
        )
    if first.shape[1] * first.shape[2] <= reduced:
        raise ObservationError(
            f"the images have {sizes[0]} pixels and need no tiles: use the command run, or Learn "
            "dynamics in napari."
        )
    channel = settings.images.channel
    for image in images:
        if channel is not None and channel >= image.shape[0]:
            raise ObservationError(f"{image.name} has no channel {channel}.")
    if channel is None and first.shape[0] != last.shape[0]:
        raise ObservationError(
            f"the first image has {first.shape[0]} channel(s) and the last {last.shape[0]}: "
            "choose one channel."
        )
    wanted = {
        "training.steps": 0,
        "training.start_from": "scratch",
        "model.initial_fields": "matched",
        "physics.transport": "characteristics",
        "physics.constraint": "none",
    }
    for name, value in wanted.items():
        if settings.get(name) != value:
            raise SettingsError(
                "a large scene is matched without networks, as by the presets quick and standard: "
                f"{name} must be {value}; got {settings.get(name)}."
            )
    equation = settings.physics.equation
    if equation == AUTO or EQUATIONS[equation].constants:
        plain = ", ".join(name for name, one in EQUATIONS.items() if not one.constants)
        raise SettingsError(
            "a large scene is drawn tile by tile, without coefficients of the whole image: "
            f"physics.equation must be one of {plain}; got {equation}."
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


def tile_count(request: SceneRequest) -> int:
    """Return the number of tiles at full resolution."""
    return len(covering(request.shape, tile_side(request)))


def tile_side(request: SceneRequest) -> int:
    """Return the side of the tiles in pixels."""
    return whole_tile(request.tile, len(level_shapes(request.shape, request.reduced)) - 1)


def _absolute(source: str) -> str:
    """Return a source whose file can be found from any folder."""
    path = parse_source(source).path
    return str(path.expanduser().resolve()) + source.removeprefix(str(path))


def _stamp(source: str) -> str:
    status = parse_source(source).path.expanduser().stat()
    return f"{status.st_size} {status.st_mtime_ns}"
