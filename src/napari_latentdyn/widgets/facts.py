"""Properties of layers, and problems of pairs of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_latentdyn.core.geometry.checks import check_grids
from napari_latentdyn.core.observations.checks import MIN_SIDE
from napari_latentdyn.errors import ObservationError, UserError
from napari_latentdyn.settings import ImageSettings, Settings
from napari_latentdyn.viewer.context import mark_of
from napari_latentdyn.viewer.frames import frame_axes, frame_text
from napari_latentdyn.viewer.samples import INTERVAL_KEY
from napari_latentdyn.viewer.snapshot import is_rgb
from napari_latentdyn.widgets.pair_notes import describe_layer
from napari_latentdyn.widgets.texts import sentence

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["Facts", "facts_of", "interval_between", "pair_problem", "role_of"]


@dataclass(frozen=True)
class Facts:
    """Properties of an image layer that need no pixels."""

    shape: tuple[int, int]
    channels: int
    rgb: bool


def role_of(layer: Any) -> str:
    """Return the role of a layer of this plugin, such as ``"frames"``, or ``""``."""
    return str(mark_of(layer).get("role", ""))


def interval_between(*layers: Image | None) -> tuple[float, str] | None:
    """Return the time between two images, and its unit, from the metadata of one, or None."""
    for layer in layers:
        mark = {} if layer is None else layer.metadata.get(INTERVAL_KEY)
        try:
            images = ImageSettings.parse({"interval": mark["value"], "interval_unit": mark["unit"]})
        except (KeyError, TypeError, UserError):
            continue
        if images.interval:
            return images.interval, images.interval_unit
    return None


def facts_of(layer: Image) -> Facts:
    """Return the properties of the plane of an image layer."""
    data = layer.data[0] if layer.multiscale else layer.data
    rows, columns = data.shape[layer.ndim - 2 : layer.ndim]
    # The alpha channel is not used.
    channels = min(3, int(data.shape[-1])) if is_rgb(layer) else 1
    return Facts((int(rows), int(columns)), channels, is_rgb(layer))


def pair_problem(
    first: Image | None,
    last: Image | None,
    settings: Settings,
    frames: tuple[Sequence[int], Sequence[int]] = ((), ()),
) -> str:
    """Return why two layers, or frames of them, cannot be used together, or ``""``."""
    if first is None or last is None:
        missing = "first" if first is None else "last"
        return f"Choose the {missing} image: open two images of one scene, or File > Open Sample."
    if first is last and not frame_axes(first):
        return "The same layer is chosen twice: choose another one."
    if first is last and tuple(frames[0]) == tuple(frames[1]):
        where = frame_text(first, frames[0])
        return f"Both ends are {where} of “{first.name}”: choose another frame for one of them."
    a, b = facts_of(first), facts_of(last)
    if a.shape != b.shape:
        return (
            f"“{first.name}” has {a.shape[0]} × {a.shape[1]} pixels and “{last.name}” "
            f"{b.shape[0]} × {b.shape[1]}: crop or resample them to the same grid first."
        )
    if min(a.shape) < MIN_SIDE:
        return (
            f"The images have {a.shape[0]} × {a.shape[1]} pixels; at least "
            f"{MIN_SIDE} × {MIN_SIDE} are needed."
        )
    channel = settings.images.channel
    for layer, facts in ((first, a), (last, b)):
        if channel is not None and facts.rgb and channel >= facts.channels:
            return (
                f"“{layer.name}” has no channel {channel}: its channels are 0 to "
                f"{facts.channels - 1}."
            )
    if channel is None and a.channels != b.channels:
        return (
            f"“{first.name}” has {a.channels} channel{'s' * (a.channels > 1)} and “{last.name}” "
            f"{b.channels}: choose one channel, or convert one of the images."
        )
    try:
        check_grids(*map(describe_layer, (first, last), frames))
    except ObservationError as error:
        text = str(error)
        # The first word of a sentence may be the name of a layer, whose case stays.
        for name in sorted((first.name, last.name), key=len, reverse=True):
            if name and text.startswith(f"{name} "):
                return sentence(f"The layer “{name}”{text.removeprefix(name)}")
        return sentence(text)
    return ""
