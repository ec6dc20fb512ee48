"""The controller of "Compare methods", between view and viewer."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject

from napari_latentdyn.errors import ObservationError, UserError
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.frames import frame_axes
from napari_latentdyn.viewer.snapshot import is_image
from napari_latentdyn.widgets.background import JobQueue
from napari_latentdyn.widgets.choices import LayerChoices
from napari_latentdyn.widgets.compare.arrangement import Arrangement
from napari_latentdyn.widgets.compare.offers import Offers, true_stack
from napari_latentdyn.widgets.compare.request import TRUTH, Outcome, Request, true_frames
from napari_latentdyn.widgets.compare.rows import MEASURES, curves_of, rows_of
from napari_latentdyn.widgets.compare.times import parse_times
from napari_latentdyn.widgets.compare.view import CompareView
from napari_latentdyn.widgets.facts import interval_between, role_of
from napari_latentdyn.widgets.file_dialogs import ask_file, ask_folder
from napari_latentdyn.widgets.messages import fail
from napari_latentdyn.widgets.pair_notes import PairNotes
from napari_latentdyn.widgets.palette import palette_of
from napari_latentdyn.widgets.texts import sentence

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["CompareController"]

#: Methods that are checked at first, as they take little time.
_FIRST = ("dissolve", "flow", "quick")


class CompareController(QObject):
    """Runs methods one after the other and shows their frames and scores."""

    def __init__(self, viewer: Viewer, view: CompareView) -> None:
        super().__init__(view)
        # Plugins get a proxy, whose layers are never identical to themselves.
        self._viewer: Viewer = getattr(viewer, "__wrapped__", viewer)
        self._view = view
        self._open = False
        self._request: Request | None = None
        self._cancelled = False
        self._layers = Arrangement(self._viewer)
        self._offers = Offers(self._viewer)
        #: The pair of layers for which the user chose true frames, or chose "none".
        self._truth_of: tuple[str, ...] | None = None
        self.outcomes: dict[str, Outcome] = {}
        self._failed: list[str] = []
        self._queue = JobQueue(self)
        self._queue.changed.connect(self._on_progress)
        self._queue.failed.connect(self._on_failed)
        self._choices = LayerChoices(self._viewer, (view.first_end, view.last_end), self._on_images)
        self._notes = PairNotes(view.pair_notes)
        view.compareRequested.connect(self.compare)
        view.cancelRequested.connect(self.cancel)
        view.truthFileRequested.connect(self._open_truth)
        view.truthChosen.connect(self._on_truth)
        view.resultRequested.connect(self._add_result)
        view.measureChosen.connect(self._plot)
        view.arrangeRequested.connect(self._arrange)
        view.show_methods(self._offers.methods(), _FIRST)
        self.open()

    # ------------------------------------------------------------ life cycle

    def open(self) -> None:
        """Connect to the viewer, unless connected."""
        if self._open:
            return
        self._open = True
        self._viewer.events.theme.connect(self._on_theme)
        self._choices.connect()
        self._on_theme()

    def close(self) -> None:
        """Cancel all jobs and disconnect from the viewer."""
        if not self._open:
            return
        self._open = False
        self._queue.close()
        self._viewer.events.theme.disconnect(self._on_theme)
        self._choices.disconnect()
        self.outcomes.clear()
        self._request = None

    # --------------------------------------------------------------- actions

    def compare(self) -> None:
        """Run all checked methods."""
        try:
            infos = [self._offers.describe(name) for name in self._view.chosen_methods()]
            if not infos:
                raise ObservationError("No method is chosen: check at least one.")
            request = self._asked()
        except UserError as error:
            self._fail(str(error))
            return
        self._keep_what_agrees(request)
        self._cancelled = False
        self._failed = []
        self._show_table()
        self._plot()
        truth = request.true_layer(among_others=self._layers.any(other_than=request.run_id))
        if truth is not None:
            self._layers.show([truth])
        for info in infos:
            compute, take = partial(request.compute, info), partial(self._take, request)
            self._queue.run(info.name, info.title, compute, take)

    def cancel(self) -> None:
        """Cancel the running method and the rest; finished methods stay."""
        self._cancelled = True
        self._queue.cancel()
        self._view.show_status("Stopping.")

    def _keep_what_agrees(self, request: Request) -> None:
        """Drop results that cannot be compared with a request, and mark their layers."""
        if not request.agrees_with(self._request):
            self.outcomes = {}
        self._request = request
        self._drop_lost()
        self._layers.mark_old(request.run_id, self._shown(request))

    def _shown(self, request: Request) -> list[str]:
        """Return the names of the current layers: true frames, if any, and methods."""
        return [*([] if request.truth is None else [TRUTH]), *self.outcomes]

    def _asked(self) -> Request:
        problem = self._choices.images.problem(Settings())
        if problem:
            raise ObservationError(problem)
        early, late = self._choices.images.snapshots()
        interval = interval_between(*self._choices.layers)
        given = parse_times(self._view.truth_times.text(), interval)
        layer = self._truth_layer()
        if layer is None:
            if given is not None:
                raise ObservationError(
                    "Times of true frames need true frames: choose a layer of them."
                )
            times = np.linspace(0.0, 1.0, (self._view.frames.value() or 1) + 2)
            return Request(early, late, times, choice=self._notes.key, interval=interval)
        truth = true_frames(layer, early, late, given)
        moments = np.array([0.0, *truth.times, 1.0])
        return Request(early, late, moments, truth, self._notes.key, interval)

    def _truth_layer(self) -> Any:
        key = self._view.truth.value()
        known = {str(layer.unique_id): layer for layer in self._viewer.layers}
        return known.get(str(key))

    def _open_truth(self) -> None:
        path = ask_file(self._view, "True frames", "Images (*.tif *.tiff *.nc *.png *.jpg)")
        if not path:
            return
        from napari_latentdyn.viewer.image_reader import get_image_reader

        # Use the reader of the command line if it knows the file.
        plugin = "napari" if get_image_reader(path) is None else "napari-latentdyn"
        try:
            added = self._viewer.open(path, plugin=plugin)
        except Exception as error:  # noqa: BLE001 - any reader, any error
            self._fail(f"{path} cannot be opened: {error}")
            return
        if added:
            self._view.truth.setValue(str(added[0].unique_id))

    def _add_result(self) -> None:
        folder = ask_folder(self._view, "Add a run folder")
        if not folder:
            return
        try:
            name = self._offers.add(folder)
        except UserError as error:
            self._fail(str(error))
            return
        self._offer_methods()
        self._view.choose_method(name)

    # --------------------------------------------------------------- showing

    def _take(self, request: Request, outcome: Outcome) -> None:
        if request is not self._request or not self._open:
            return
        run_id = request.run_id
        self._notes.find(request.choice, outcome.oddities)
        self._layers.show(
            request.layers(
                outcome,
                errors=self._view.errors.value(),
                among_others=self._layers.any(other_than=run_id),
            )
        )
        # After the layers: replacing a layer removes it for a moment, and with it its result.
        self.outcomes[outcome.info.name] = outcome
        largest = {name: request.largest_error(o) for name, o in self.outcomes.items()}
        self._layers.one_contrast(run_id, largest)
        self._show_table()
        self._plot()
        if not self._queue.busy:
            self._settle(request)

    def _settle(self, request: Request) -> None:
        """Arrange the layers of all methods, and show a summary."""
        self._drop_lost()
        self._arrange()
        if self._viewer.dims.ndim > 2:
            self._viewer.dims.set_current_step(self._viewer.dims.ndim - 3, len(request.times) // 2)
        if self._failed:
            self._fail(" ".join(self._failed))
        else:
            self._say_done()

    def _say_done(self) -> None:
        done = len(self.outcomes)
        if not done:
            self._view.show_status("Check the methods and press Compare.")
            return
        text = f"{done} method{'s' * (done != 1)} compared. Move the time slider"
        request = self._request
        if request is None or request.truth is None:
            text += "."
        else:
            text += "; bold is best." if done > 1 else "."
            if request.truth.notable:
                text += f" {request.truth.describe(request.interval)}"
        self._view.show_status(text)

    def _arrange(self) -> None:
        """Show the methods side by side, or end the grid."""
        if not self._view.grid.value():
            if self._layers.gridded:
                self._layers.end_grid()
                self._viewer.reset_view()
        elif self._request is not None:
            self._layers.side_by_side(self._request.run_id, self._shown(self._request))

    def _drop_lost(self) -> None:
        """Drop results whose layer the user deleted."""
        if self._request is None:
            return
        there = self._layers.frames(self._request.run_id, self.outcomes)
        kept = {name: outcome for name, outcome in self.outcomes.items() if name in there}
        if len(kept) < len(self.outcomes):
            self.outcomes = kept
            self._show_table()
            self._plot()
            self._layers.mark_old(self._request.run_id, self._shown(self._request))
            if not self._queue.busy:
                self._say_done()

    def _show_table(self) -> None:
        rows = rows_of(self.outcomes)
        self._view.show_rows(rows)
        scored = any(o.assessment.scores for o in self.outcomes.values())
        self._view.measure.setVisible(bool(rows))
        offered = list(MEASURES.items()) if scored else list(MEASURES.items())[-1:]
        if rows and self._view.measure.count() != len(offered):
            self._view.measure.set_items(offered)
            self._view.measure.setValue(offered[0][0])

    def _plot(self) -> None:
        measure = self._view.measure.value()
        known = None if self._request is None else self._request.interval
        length, unit = known or (1.0, "")
        curves = curves_of(self.outcomes, measure, length)
        self._view.plot.show_curves(curves, MEASURES.get(measure or "", ""), unit)

    # --------------------------------------------------------------- changes

    def _offer_methods(self) -> None:
        self._view.show_methods(self._offers.methods(), self._view.chosen_methods())

    def _on_truth(self) -> None:
        self._truth_of = _ids(self._choices.layers)

    def _on_images(self, event: Any = None) -> None:
        first, last = self._choices.layers
        if not self._layers.any():
            # In a grid, new layers would appear beside the images.
            self._layers.end_grid()
        others = [
            layer
            for layer in self._viewer.layers
            # Frames between two frames of one stack are true frames.
            if is_image(layer) and (layer not in (first, last) or frame_axes(layer))
        ]
        items = [(str(layer.unique_id), layer.name) for layer in others]
        self._view.truth.set_items([(None, "none"), *items])
        if self._truth_of != _ids((first, last)):
            own = [layer for layer in others if not role_of(layer)]
            stack = true_stack(own, first, last)
            self._view.propose_truth(None if stack is None else str(stack.unique_id))
        if self._view.truth.value() is None:
            self._view.propose_truth(None)
        self._view.show_unit(interval_between(first, last))
        self._offer_methods()
        images = self._choices.images
        problem = images.problem(Settings())
        self._notes.choose(images.pixels, () if problem else images.notes())
        if not self._queue.busy:
            self._drop_lost()
            self._view.compare.setEnabled(not problem)
            if problem:
                chosen = first is not None and last is not None
                self._view.show_status(problem, error=chosen)
            elif not self.outcomes:
                self._view.show_status("Check the methods and press Compare.")

    def _on_progress(self, what: str, done: int, total: int) -> None:
        self._view.set_busy(what, done, total)
        if what and not self._cancelled:
            # An acronym keeps its capitals.
            lower = what[0].lower() + what[1:] if what[1:2].islower() else what
            self._view.show_status(f"Running {lower}…")
        elif not what and self._cancelled:
            self._cancelled = False
            if self._request is not None and self.outcomes:
                self._settle(self._request)
            self._view.show_status("Stopped; finished methods are shown.")

    def _on_failed(self, text: str) -> None:
        self._failed.append(sentence(text))
        if not self._queue.waiting and self._request is not None:
            self._settle(self._request)

    def _on_theme(self, event: Any = None) -> None:
        self._view.set_palette(palette_of(self._viewer))

    def _fail(self, text: str) -> None:
        fail(self._view, text)


def _ids(layers: Iterable[Any]) -> tuple[str, ...]:
    return tuple("" if layer is None else str(layer.unique_id) for layer in layers)
