"""The chosen layers and frames, synchronised with a viewer."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker

from napari_latentdyn.viewer.frames import clipped, frame_axes, front_sizes, shown_index
from napari_latentdyn.viewer.knowledge.grid import KNOWN
from napari_latentdyn.viewer.knowledge.masks import is_mask
from napari_latentdyn.viewer.snapshot import is_image
from napari_latentdyn.widgets.chosen_images import ChosenImage, ChosenImages
from napari_latentdyn.widgets.facts import facts_of, role_of

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_latentdyn.viewer.layers import LayerTuple
    from napari_latentdyn.widgets.end_chooser import EndChooser

__all__ = ["Chosen", "LayerChoices", "update_layers"]

#: Events that change the pixels or the position of a layer.
_EVENTS = ("data", "scale", "translate", "rotate", "shear", "affine", "units")


@dataclass(frozen=True)
class Chosen:
    """Key of a layer and index of its frame, and how they were chosen.

    `proposed` means that the layer was proposed, `by_hand` that the user chose the frame, and
    `spread` that the frame was proposed because one stack has both images.
    """

    key: str | None
    index: tuple[int, ...]
    proposed: bool
    by_hand: bool
    spread: bool


def update_layers(viewer: Viewer, layers: list[LayerTuple], *, keep: bool) -> None:
    """Show results, and move the slider to their first frame."""
    from napari_latentdyn.viewer.layers import update_or_add

    update_or_add(viewer, layers, keep=keep)
    # Time is the axis before (y, x) in all results.
    if viewer.dims.ndim > 2:
        viewer.dims.set_current_step(viewer.dims.ndim - 3, 0)


class LayerChoices:
    """Keeps two choosers synchronised with the layers of a viewer.

    Choosers list image layers in the viewer's order, then labels layers (files of wide integers
    open as labels) and masks, then results; results are never proposed, and live previews not
    listed. What the user chose or used is kept when layers are added. A stack gets the frame that
    the sliders show when it is chosen. If one stack has both images, its first and last frame are
    proposed.
    """

    def __init__(
        self, viewer: Viewer, ends: tuple[EndChooser, EndChooser], changed: Callable[[], None]
    ) -> None:
        self._viewer = viewer
        self._ends = ends
        self._changed = changed
        self._watched: weakref.WeakSet[Any] = weakref.WeakSet()
        #: Keys of layers that were proposed.
        self._proposed: dict[EndChooser, str] = {}
        #: Keys of the layers whose frames the choosers show.
        self._framed: dict[EndChooser, str] = {}
        #: Choosers whose frame the user chose.
        self._by_hand: set[EndChooser] = set()
        #: Choosers whose frame was proposed because one stack has both images.
        self._spread: set[EndChooser] = set()
        for end in ends:
            end.layerEdited.connect(partial(self._on_layer, end))
            end.frameEdited.connect(partial(self._on_frame, end))
            # Choosing the layer that was proposed changes nothing, and accepts it.
            end.layer.activated.connect(partial(self._accept_one, end))

    def connect(self) -> None:
        """Connect to the viewer."""
        events = self._viewer.layers.events
        for emitter in (events.inserted, events.removed, events.reordered, events.renamed):
            emitter.connect(self.refresh)
        self.refresh()

    def disconnect(self) -> None:
        """Disconnect from the viewer."""
        events = self._viewer.layers.events
        for emitter in (events.inserted, events.removed, events.reordered, events.renamed):
            emitter.disconnect(self.refresh)
        for layer in list(self._watched):
            for name in _EVENTS:
                layer.events[name].disconnect(self._on_data)
        self._watched.clear()

    @property
    def layers(self) -> tuple[Image | None, Image | None]:
        """The layers chosen, or None."""
        known = {str(layer.unique_id): layer for layer in self._viewer.layers}
        first, last = (known.get(str(end.layer.value())) for end in self._ends)
        return first, last

    @property
    def frames(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Index of the frame of each layer."""
        first, last = self._ends
        return first.index, last.index

    @property
    def images(self) -> ChosenImages:
        """The first and the last image."""
        return ChosenImages(map(ChosenImage, self.layers, self.frames))

    @property
    def chosen(self) -> tuple[Chosen, ...]:
        """The state that `choose` restores."""
        return tuple(
            Chosen(
                end.layer.value(),
                end.index,
                self._proposed.get(end) == end.layer.value(),
                end in self._by_hand,
                end in self._spread,
            )
            for end in self._ends
        )

    def choose(self, chosen: Sequence[Chosen]) -> None:
        """Restore earlier choices whose layers still exist."""
        known = {str(layer.unique_id): layer for layer in self._viewer.layers}
        for end, earlier in zip(self._ends, chosen, strict=True):
            layer = known.get(str(earlier.key))
            if layer is None:
                continue
            _set_quietly(end, earlier.key)
            self._framed[end] = str(earlier.key)
            sizes = front_sizes(layer)
            if len(sizes) == len(earlier.index):
                end.show_frames(frame_axes(layer), clipped(earlier.index, sizes))
            self._proposed.pop(end, None)
            if earlier.proposed:
                self._proposed[end] = str(earlier.key)
            for ends, holds in ((self._by_hand, earlier.by_hand), (self._spread, earlier.spread)):
                (ends.add if holds else ends.discard)(end)
        self._sync_frames()
        self._changed()

    def accept(self) -> None:
        """Take the proposed layers for the choice of the user, who uses them."""
        self._proposed.clear()

    def swap(self) -> None:
        """Exchange the first and the last image."""
        one, other = self._ends
        layers = (other.layer.value(), one.layer.value())
        frames = ((other.axes, other.index), (one.axes, one.index))
        self._by_hand = {one if end is other else other for end in self._by_hand}
        self._spread = {one if end is other else other for end in self._spread}
        self._proposed.clear()
        for end, key, shown in zip(self._ends, layers, frames, strict=True):
            _set_quietly(end, key)
            end.show_frames(*shown)
            self._framed[end] = str(key)
        self._changed()

    def refresh(self, event: Any = None) -> None:
        """List the current layers of the viewer."""
        from napari.layers import Labels

        images = [
            layer
            for layer in self._viewer.layers
            if is_image(layer) and role_of(layer) not in ("preview", KNOWN)
        ]
        regions = [layer for layer in images if isinstance(layer, Labels) or is_mask(layer)]
        images.sort(key=lambda layer: (bool(role_of(layer)), layer in regions))
        items = [(str(layer.unique_id), layer.name) for layer in images]
        for layer in images:
            if layer not in self._watched:
                self._watched.add(layer)
                for name in _EVENTS:
                    layer.events[name].connect(self._on_data)
        for end in self._ends:
            end.layer.set_items(items)
        own = [layer for layer in images if not role_of(layer)]
        # If there are images, labels and masks are probably segmentations.
        self._propose([layer for layer in own if layer not in regions] or own)
        self._sync_frames()
        self._changed()

    def _propose(self, images: list[Image]) -> None:
        """Propose layers: planes that fit before others and stacks, and a single stack twice."""
        stacks = {str(layer.unique_id) for layer in images if _is_stack(layer)}
        planes = [facts_of(layer) for layer in images if not _is_stack(layer)]
        order = sorted(images, key=lambda one: (_is_stack(one), planes.count(facts_of(one)) < 2))
        keys = [str(layer.unique_id) for layer in order]
        mine = [end for end, key in self._proposed.items() if end.layer.value() == key]
        a_pair = len(planes) > len(set(planes))
        first, last = self.layers
        no_longer_alone = (
            len(mine) == len(self._ends)
            and first is not None
            and first is last
            and [facts_of(layer) for layer in images if _is_stack(layer)].count(facts_of(first)) > 1
        )
        if no_longer_alone or (a_pair and any(end.layer.value() in stacks for end in mine)):
            for end in mine:
                _set_quietly(end, None)
                self._framed.pop(end, None)
        for end in mine:
            # Labels are proposed only without images.
            if end.layer.value() is not None and end.layer.value() not in keys:
                _set_quietly(end, None)
                self._framed.pop(end, None)
        for end, other in (self._ends, self._ends[::-1]):
            free = [key for key in keys if key != other.layer.value()]
            if not free:
                free = [key for key in keys if key in stacks]
            if end.layer.value() is None and free:
                _set_quietly(end, free[0])
                self._proposed[end] = free[0]

    def _sync_frames(self) -> None:
        """Show the frames of the layers chosen; an unchanged layer keeps its frame."""
        layers = self.layers
        new = []
        for end, layer in zip(self._ends, layers, strict=True):
            if layer is None:
                self._framed.pop(end, None)
                end.show_frames((), ())
                continue
            key, sizes = str(layer.unique_id), front_sizes(layer)
            if layers[0] is not layers[1] and end in self._spread - self._by_hand:
                self._framed.pop(end, None)
            if self._framed.get(end) == key and len(end.index) == len(sizes):
                index = clipped(end.index, sizes)
            else:
                index = shown_index(layer, self._viewer.dims)
                new.append(end)
                self._by_hand.discard(end)
                self._spread.discard(end)
                self._framed[end] = key
            end.show_frames(frame_axes(layer), index)
        if new and layers[0] is layers[1] and layers[0] is not None:
            self._propose_frames(layers[0], new)

    def _propose_frames(self, layer: Image, new: list[EndChooser]) -> None:
        """Propose the first and the last frame of a stack, unless the user chose them."""
        axes = frame_axes(layer)
        if not axes:
            return
        time = axes[0]
        # Along the other axes, both images have the same index.
        (shown,) = {end.index for end in self._ends if end not in new} or {new[0].index}
        for end, frame in zip(self._ends, (0, time.size - 1), strict=True):
            if end not in self._by_hand:
                index = list(shown)
                index[time.number] = frame
                end.show_frames(axes, index)
                self._spread.add(end)

    def _on_layer(self, end: EndChooser) -> None:
        self._proposed.pop(end, None)
        self._sync_frames()
        self._changed()

    def _accept_one(self, end: EndChooser, index: int) -> None:
        self._proposed.pop(end, None)

    def _on_frame(self, end: EndChooser) -> None:
        self._by_hand.add(end)
        self.accept()
        self._changed()

    def _on_data(self, event: Any) -> None:
        if not any(event.source is layer for layer in self.layers):
            return
        self._sync_frames()
        self._changed()


def _is_stack(layer: Image) -> bool:
    return bool(frame_axes(layer))


def _set_quietly(end: EndChooser, value: str | None) -> None:
    with QSignalBlocker(end.layer):
        end.layer.setValue(value)
