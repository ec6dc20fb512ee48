"""The layers that the user knows something by, in step with the viewer and the section."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_latentdyn.core.training.unused import unused
from napari_latentdyn.errors import UserError
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.context import mark_of
from napari_latentdyn.viewer.knowledge.grid import ImageGrid
from napari_latentdyn.viewer.knowledge.reading import (
    KNOWN,
    NOTHING,
    ROLES,
    Known,
    KnownLayer,
    read_layers,
    roles_of,
)
from napari_latentdyn.widgets.layouts import single_shot
from napari_latentdyn.widgets.texts import describe, sentence

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_latentdyn.widgets.known_section import KnownSection
    from napari_latentdyn.widgets.series_choice import SeriesChoice

__all__ = ["KnownChoice", "KnownState"]

#: Events after which a layer is read again, of those that it has.
_EVENTS = (
    *("data", "features", "paint", "labels_update", "set_data", "edge_width"),
    *("scale", "translate", "rotate", "shear", "affine", "units"),
)
#: Time in milliseconds without a change after which layers are read.
_DELAY_MS = 200
_MARKS = ("landmarks", "first", "last", "tracks")
_UNREAD = "Read when two images are chosen."
_KEPT = "The list keeps your entries: layers of the opened run can be added."
_HINT = "Draw a region, mark points or open tracks as a layer; then add it here."


@dataclass(frozen=True)
class KnownState:
    """The state that `KnownChoice.choose` restores."""

    rows: tuple[tuple[str, str, int | None], ...]
    sigma: float
    hold_back: int
    expanded: bool


class KnownChoice(QObject):
    """Keeps the list of layers, reads them when they change, and tells problems."""

    def __init__(
        self,
        viewer: Viewer,
        section: KnownSection,
        series: SeriesChoice,
        changed: Callable[[], None],
    ) -> None:
        super().__init__(section)
        self._viewer = viewer
        self._section = section
        self._series = series
        self._changed = changed
        self._rows: list[KnownLayer] = []
        self._note = ""
        #: What was known in the opened run that the entries come from.
        self._of_run = ""
        self._watched: weakref.WeakSet[Any] = weakref.WeakSet()
        #: Position of the sliders when a layer was last drawn.
        self._shown: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        #: What was read last, and of which images; None to read again.
        self._read: tuple[Any, Known, str] | None = None
        self._timer = single_shot(self, _DELAY_MS, self._on_change)
        section.layerChosen.connect(self._offer_roles)
        section.addRequested.connect(self._add)
        section.removeRequested.connect(self._remove)
        section.valueChanged.connect(self._on_change)

    def connect(self) -> None:
        """Connect to the viewer."""
        events = self._viewer.layers.events
        for emitter in (events.inserted, events.removed, events.reordered, events.renamed):
            emitter.connect(self._refresh)
        self._refresh()

    def disconnect_viewer(self) -> None:
        """Disconnect from the viewer."""
        events = self._viewer.layers.events
        for emitter in (events.inserted, events.removed, events.reordered, events.renamed):
            emitter.disconnect(self._refresh)
        for layer in list(self._watched):
            self._watch(layer, False)
        self._timer.stop()

    @property
    def state(self) -> KnownState:
        """The state that `choose` restores."""
        rows = tuple((str(row.layer.unique_id), row.role, row.label) for row in self._rows)
        box = self._section
        held = box.hold_back.value() or 0
        return KnownState(rows, box.sigma.value() or 0.0, held, box.isExpanded())

    def choose(self, state: KnownState) -> None:
        """Restore an earlier list, of layers that still exist."""
        known = {str(layer.unique_id): layer for layer in self._viewer.layers}
        self._rows = [KnownLayer(known[k], role, n) for k, role, n in state.rows if k in known]
        self._section.sigma.setValue(state.sigma)
        self._section.hold_back.setValue(state.hold_back)
        if state.expanded:
            self._section.expand(animate=False)
        self._refresh()

    def open_run_of(self, layer: Layer) -> None:
        """List what was known in the run of a layer, if its folder was opened."""
        mark = mark_of(layer)
        if mark.get("folder") and mark.get("role") in ("frames", KNOWN):
            self.open(str(mark.get("run_id")))

    def open(self, run_id: str) -> None:
        """List what was known in an opened run, unless the list has layers of the user."""
        found = {
            mark_of(layer)["known_role"]: layer
            for layer in self._viewer.layers
            if mark_of(layer).get("role") == KNOWN and mark_of(layer).get("run_id") == run_id
        }
        if any(mark_of(row.layer).get("role") != KNOWN for row in self._rows):
            self._note = _KEPT if found else self._note
        else:
            self._rows = [KnownLayer(layer, role) for role, layer in found.items()]
            known = [mark_of(layer).get("known") for layer in found.values()]
            self._note, self._of_run = "", f"Known in that run: {known[0]}. " if any(known) else ""
            held = [mark_of(layer).get("held_back", 0) for layer in found.values()]
            self._section.hold_back.setValue(max(held, default=0))
            if found:
                self._section.expand(animate=False)
        self._refresh()

    def problem(self, settings: Settings) -> str:
        """Read the layers if anything changed; return why they do not fit, or ``""``."""
        return self._known(settings)[1]

    def key(self, settings: Settings) -> tuple[str, ...]:
        """Return a key that changes with all that is known, empty if nothing is known."""
        found = self._known(settings)[0].key
        return (found,) if found else ()

    def read(self, settings: Settings) -> Known:
        """Read the layers as they are now.

        Raises
        ------
        UserError
            If they do not fit the images, or each other.
        """
        if not self._rows:
            return NOTHING
        times, told = self._series.times(settings)
        frames = [(image.layer, image.frame) for image in self._series.images if image.layer]
        grid = ImageGrid.of(frames, None if times is None else times.values, told)
        box = self._section
        part = (box.hold_back.value() or 0) / 100
        return read_layers(self._rows, grid, box.sigma.value() or 0.0, part)

    def show(self, settings: Settings | None) -> None:
        """Show the list and its counts; `settings` of the run, None if images cannot be used.

        The status line of the window tells a problem, which stands there for all choices.
        """
        known, problem = (NOTHING, "") if self._read is None else self._read[1:]
        count = known.sentence or _plural(len(self._rows), "layer") if self._rows else ""
        self._section.show_count(count)
        text = self._note or ("" if self._rows else _HINT)
        if self._rows and not text and not problem:
            text = f"{self._of_run}{_UNREAD}" if settings is None else f"Known: {count}."
            idle = [] if settings is None else unused(known.knowledge, settings)
            text = " ".join([text, *known.notes, *idle])
        self._section.status.say(text)
        self._section.status.setVisible(bool(text))

    # ------------------------------------------------------------------ changes

    def _known(self, settings: Settings) -> tuple[Known, str]:
        if not self._rows:
            self._read = None
            return NOTHING, ""
        series = self._series
        key = (series.images.pixels, series.state, settings.images, settings.model.stages)
        if self._read is None or self._read[0] != key:
            known, problem = NOTHING, ""
            try:
                known = self.read(settings)
            except UserError as error:
                problem = sentence(str(error))
            except Exception as error:  # noqa: BLE001 - lazy layers can raise any error
                problem = describe(error, "Reading what is known failed")
            self._read = (key, known, problem)
        return self._read[1:]

    def _on_change(self) -> None:
        self._read = None
        self._changed()

    def _refresh(self, event: Any = None) -> None:
        """List the layers of the viewer, and drop entries of layers that were removed."""
        layers = list(self._viewer.layers)
        gone = [row for row in self._rows if row.layer not in layers]
        if gone:
            self._rows = [row for row in self._rows if row.layer in layers]
            names = ", ".join(dict.fromkeys(f"“{row.layer.name}”" for row in gone))
            self._note = f"The next run does not use {names}, which was removed from the viewer."
        offered = [layer for layer in layers if roles_of(layer)]
        # New layers come first: they were probably made for this list.
        self._section.offer_layers((str(one.unique_id), one.name) for one in offered[::-1])
        self._offer_roles()
        self._show_rows()
        self._on_change()

    def _offer_roles(self) -> None:
        from napari.layers import Labels

        layer = self._layer()
        roles = () if layer is None else roles_of(layer)
        taken = {row.role for row in self._rows if row.layer is not layer}
        if "first" in taken and "last" not in taken and roles[:1] == ("first",):
            roles = ("last", "first")
        self._section.offer_roles(roles, has_labels=isinstance(layer, Labels))

    def _layer(self) -> Layer | None:
        key = self._section.layer.value()
        return next((one for one in self._viewer.layers if str(one.unique_id) == key), None)

    def _add(self) -> None:
        layer, role = self._layer(), self._section.role.value()
        if layer is None or role is None:
            return
        from napari.layers import Labels

        label = self._section.label.value() if isinstance(layer, Labels) else None
        # A layer has one role for each of its labels.
        self._rows = [row for row in self._rows if (row.layer, row.label) != (layer, label)]
        self._rows.append(KnownLayer(layer, role, label))
        self._note = self._of_run = ""
        listed = [row.layer for row in self._rows]
        others = [one for one in self._viewer.layers if roles_of(one) and one not in listed]
        if others:
            self._section.layer.setValue(str(others[-1].unique_id))
        self._show_rows()
        self._offer_roles()
        self._on_change()

    def _remove(self, number: int) -> None:
        if 0 <= number < len(self._rows):
            del self._rows[number]
            self._note = self._of_run = ""
            self._show_rows()
            self._offer_roles()
            self._on_change()

    def _show_rows(self) -> None:
        texts = [
            f"{row.layer.name}{'' if row.label is None else f' [{row.label}]'} – {ROLES[row.role]}"
            for row in self._rows
        ]
        has_marks = any(row.role in _MARKS for row in self._rows)
        self._section.show_rows(texts, has_marks=has_marks)
        for layer in {row.layer for row in self._rows} ^ set(self._watched):
            self._watch(layer, layer not in self._watched)

    def _watch(self, layer: Any, starts: bool) -> None:
        (self._watched.add if starts else self._watched.discard)(layer)
        self._shown[layer] = self._viewer.dims.point
        for name in _EVENTS:
            emitter = getattr(layer.events, name, None)
            if emitter is not None:
                (emitter.connect if starts else emitter.disconnect)(self._on_event)

    def _on_event(self, event: Any) -> None:
        if event.type == "set_data":
            # Undoing in a labels layer only draws it again, as a slider does.
            point, before = self._viewer.dims.point, self._shown.get(event.source)
            self._shown[event.source] = point
            if point != before:
                return
        self._timer.start()


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'s' if count != 1 else ''}"
