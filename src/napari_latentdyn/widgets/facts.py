"""What layers hold, and whether two of them make a pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_latentdyn.core.geometry.checks import check_grids
from napari_latentdyn.core.observations.pair import MIN_SIDE
from napari_latentdyn.errors import PairError
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.frames import frame_axes, frame_text
from napari_latentdyn.viewer.snapshot import is_rgb
from napari_latentdyn.widgets.pair_notes import describe_layer
from napari_latentdyn.widgets.texts import sentence

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["Facts", "facts_of", "pair_problem", "role_of"]


@dataclass(frozen=True)
class Facts:
    """What can be known of an image layer without reading its pixels."""

    shape: tuple[int, int]
    channels: int
    rgb: bool


def role_of(layer: Any) -> str:
    """Return the role of a layer that this plugin made, such as ``"frames"``, or ``""``."""
    mark = layer.metadata.get("latentdyn")
    return str(mark.get("role", "")) if isinstance(mark, dict) else ""


def facts_of(layer: Image) -> Facts:
    """Return what is shown of an image layer."""
    data = layer.data[0] if layer.multiscale else layer.data
    rows, columns = data.shape[layer.ndim - 2 : layer.ndim]
    # Transparency is no channel to learn from.
    channels = min(3, int(data.shape[-1])) if is_rgb(layer) else 1
    return Facts((int(rows), int(columns)), channels, is_rgb(layer))


def pair_problem(
    first: Image | None,
    last: Image | None,
    settings: Settings,
    frames: tuple[Sequence[int], Sequence[int]] = ((), ()),
) -> str:
    """Return one sentence on why two layers are no pair, or ``""`` if they are one.

    Parameters
    ----------
    first, last : napari.layers.Image or None
        The layers chosen.
    settings : Settings
        Settings of the images.
    frames : tuple of sequence of int
        Which frame of each layer is meant.
    """
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
    except PairError as error:
        text = str(error)
        # The names of layers stay as they are, also at the beginning of a sentence.
        for name in sorted((first.name, last.name), key=len, reverse=True):
            if name and text.startswith(f"{name} "):
                return sentence(f"The layer “{name}”{text.removeprefix(name)}")
        return sentence(text)
    return ""
