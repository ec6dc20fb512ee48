"""Which layers can be chosen, what they hold, and whether two of them make a pair."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_latentdyn.core.pair import MIN_SIDE
from napari_latentdyn.settings import Settings

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_latentdyn.layers import LayerTuple
    from napari_latentdyn.widgets.editors import ChoiceBox

__all__ = ["Facts", "LayerChoices", "facts_of", "pair_problem", "role_of", "update_layers"]


@dataclass(frozen=True)
class Facts:
    """What can be known of an image layer without reading its pixels."""

    shape: tuple[int, int]
    channels: int
    rgb: bool
    note: str


def role_of(layer: Any) -> str:
    """Return the role of a layer that this plugin made, such as ``"frames"``, or ``""``."""
    mark = layer.metadata.get("latentdyn")
    return str(mark.get("role", "")) if isinstance(mark, dict) else ""


def facts_of(layer: Image, point: Sequence[float] = ()) -> Facts:
    """Return what is shown of an image layer.

    Parameters
    ----------
    layer : napari.layers.Image
    point : sequence of float, optional
        Where the sliders of the viewer stand, ``viewer.dims.point``.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    sizes = tuple(int(n) for n in data.shape[: layer.ndim])
    # Transparency is no channel to learn from.
    channels = min(3, int(data.shape[-1])) if layer.rgb else 1
    note = ""
    front = sizes[:-2]
    if any(n > 1 for n in front):
        position = (0.0,) * layer.ndim
        if len(point) >= layer.ndim:
            position = tuple(layer.world_to_data(point[-layer.ndim :]))
        where = ", ".join(
            f"{min(max(round(float(at)), 0), n - 1) + 1} of {n}"
            for at, n in zip(position[:-2], front, strict=True)
        )
        note = f"“{layer.name}” is a stack: the frame shown ({where}) is used."
    return Facts((sizes[-2], sizes[-1]), channels, bool(layer.rgb), note)


def pair_problem(first: Image | None, last: Image | None, settings: Settings) -> str:
    """Return one sentence on why two layers are no pair, or ``""`` if they are one."""
    if first is None or last is None:
        missing = "first" if first is None else "last"
        return f"Choose the {missing} image: open two images of one scene, or File > Open Sample."
    if first is last:
        hint = (
            "; split the stack into images to use two of its frames"
            if facts_of(first).note
            else ": choose another one"
        )
        return f"The same layer is chosen twice{hint}."
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
    return ""


def update_layers(viewer: Viewer, layers: list[LayerTuple], *, keep: bool) -> None:
    """Show results, and go to their first frame."""
    from napari_latentdyn.layers import update_or_add

    update_or_add(viewer, layers, keep=keep)
    # Time stands right before (y, x) in all results.
    if viewer.dims.ndim > 2:
        viewer.dims.set_current_step(viewer.dims.ndim - 3, 0)


class LayerChoices:
    """Keeps two choosers in step with the layers of a viewer.

    Image layers are offered in the viewer's order, those that this plugin made
    after all others and never by default, a live preview not at all.

    Parameters
    ----------
    viewer : napari.Viewer
    boxes : tuple of ChoiceBox
        The choosers of the first and the last image.
    changed : callable
        Called when a chosen layer was exchanged, removed or renamed, or got
        other data.
    """

    def __init__(
        self, viewer: Viewer, boxes: tuple[ChoiceBox, ChoiceBox], changed: Callable[[], None]
    ) -> None:
        self._viewer = viewer
        self._boxes = boxes
        self._changed = changed
        self._watched: weakref.WeakSet[Any] = weakref.WeakSet()
        #: What was chosen without the user.
        self._proposed: dict[ChoiceBox, str] = {}
        for box in boxes:
            box.edited.connect(partial(self._proposed.pop, box, None))

    def connect(self) -> None:
        """Begin to follow the viewer."""
        events = self._viewer.layers.events
        events.inserted.connect(self.refresh)
        events.removed.connect(self.refresh)
        events.reordered.connect(self.refresh)
        events.renamed.connect(self.refresh)
        self.refresh()

    def disconnect(self) -> None:
        """Follow the viewer no more."""
        events = self._viewer.layers.events
        for emitter in (events.inserted, events.removed, events.reordered, events.renamed):
            emitter.disconnect(self.refresh)
        for layer in list(self._watched):
            layer.events.data.disconnect(self._on_data)
        self._watched.clear()

    @property
    def layers(self) -> tuple[Image | None, Image | None]:
        """The layers chosen, None where there is none."""
        known = {str(layer.unique_id): layer for layer in self._viewer.layers}
        first, last = (known.get(str(box.value())) for box in self._boxes)
        return first, last

    def choose(self, first: Image | None, last: Image | None) -> None:
        """Choose two layers and tell of it once."""
        for box, layer in zip(self._boxes, (first, last), strict=True):
            _set_quietly(box, None if layer is None else str(layer.unique_id))
            self._proposed.pop(box, None)
        self._changed()

    def swap(self) -> None:
        """Exchange the first and the last image."""
        first, last = self.layers
        self.choose(last, first)

    def refresh(self, event: Any = None) -> None:
        """Offer the layers that the viewer has now."""
        from napari.layers import Image

        images = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image) and role_of(layer) != "preview"
        ]
        images.sort(key=lambda layer: bool(role_of(layer)))
        items = [(str(layer.unique_id), layer.name) for layer in images]
        for layer in images:
            if layer not in self._watched:
                self._watched.add(layer)
                layer.events.data.connect(self._on_data)
        for box in self._boxes:
            box.set_items(items)
        self._propose([layer for layer in images if not role_of(layer)])
        self._changed()

    def _propose(self, images: list[Image]) -> None:
        """Choose what nobody chose: planes before stacks, beside which two planes are the pair."""
        keys = [str(layer.unique_id) for layer in sorted(images, key=_is_stack)]
        stacks = {str(layer.unique_id) for layer in images if _is_stack(layer)}
        mine = [box for box, proposed in self._proposed.items() if box.value() == proposed]
        if len(keys) - len(stacks) > 1 and any(box.value() in stacks for box in mine):
            for box in mine:
                _set_quietly(box, None)
        for box, other in (self._boxes, self._boxes[::-1]):
            free = [key for key in keys if key != other.value()]
            if box.value() is None and free:
                _set_quietly(box, free[0])
                self._proposed[box] = free[0]

    def _on_data(self, event: Any = None) -> None:
        self._changed()


def _is_stack(layer: Image) -> bool:
    return layer.ndim > 2


def _set_quietly(box: ChoiceBox, value: str | None) -> None:
    blocked = box.blockSignals(True)
    box.setValue(value)
    box.blockSignals(blocked)
