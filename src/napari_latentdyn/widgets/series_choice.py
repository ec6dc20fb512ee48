"""The images of a run: the chosen pair and those between, with their times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.units import duration, unit_symbol
from napari_latentdyn.core.observations.checks import checked_times
from napari_latentdyn.core.observations.times import ImageTimes, times_from_text
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.frames import frame_axes
from napari_latentdyn.viewer.knowledge.masks import is_mask
from napari_latentdyn.viewer.layer_times import times_of_layer
from napari_latentdyn.viewer.snapshot import is_image
from napari_latentdyn.widgets.chosen_images import ChosenImage, ChosenImages
from napari_latentdyn.widgets.facts import facts_of, interval_between, role_of
from napari_latentdyn.widgets.texts import sentence

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_latentdyn.widgets.choices import LayerChoices
    from napari_latentdyn.widgets.series_chooser import SeriesChooser

__all__ = ["SeriesChoice", "SeriesState"]

#: Times that a line can show; of more, the first and the last one are shown.
_FEW = 6


@dataclass(frozen=True)
class SeriesState:
    """The state that `SeriesChoice.choose` restores."""

    step: int | None
    times: str | None
    ends: Any


class SeriesChoice:
    """Keeps the images between both chosen ones, and the times of all, with a chooser.

    Between two frames of one stack lie the frames between them, and between two layers the
    images of the same size that the list of layers has between them. Those of a stack are used
    until the user chooses otherwise, and those of a list are not.
    """

    def __init__(
        self,
        viewer: Viewer,
        choices: LayerChoices,
        chooser: SeriesChooser,
        changed: Callable[[], None],
    ) -> None:
        self._viewer = viewer
        self._choices = choices
        self._chooser = chooser
        self._changed = changed
        self._between: list[ChosenImage] = []
        self._ends: Any = None
        chooser.step.edited.connect(changed)
        chooser.times.edited.connect(changed)

    @property
    def images(self) -> ChosenImages:
        """The images in order."""
        first, last = self._choices.images
        step = self._chooser.step.value() if self._between else None
        some = [] if step is None else self._between[step - 1 :: step]
        return ChosenImages((first, *some, last))

    @property
    def state(self) -> SeriesState:
        """The state that `choose` restores."""
        chooser = self._chooser
        return SeriesState(chooser.step.value(), chooser.times.value(), self._ends)

    def choose(self, state: SeriesState) -> None:
        """Restore an earlier choice, if both layers still are the same."""
        self.refresh()
        if state.ends == self._ends:
            self._chooser.show_choice(state.step, state.times)
            self._changed()

    def refresh(self) -> None:
        """Find the images in between again after a change of layers or frames."""
        first, last = self._choices.layers
        ends = None if first is None or last is None else (first.unique_id, last.unique_id)
        self._between = self._found()
        # The step stays while the frames of one stack change.
        ends = (ends, bool(self._between))
        if ends != self._ends:
            self._ends = ends
            self._chooser.offer(len(self._between), 2, "")
            self._chooser.show_choice(1 if first is last and self._between else None, None)

    def interval(self) -> tuple[float, str] | None:
        """Return the length of a unit of the times, from the metadata of the layers, or None."""
        known = self._known() if len(self.images) > 2 else None
        found = None if known is None or known.unit is None else duration(known.unit)
        return found or interval_between(*self._choices.layers)

    def show_times(self, settings: Settings | None) -> None:
        """Show the times that hold without a text of the user."""
        images = self.images
        times = "" if len(images) < 3 else _shown(self._untold(settings))
        self._chooser.offer(len(self._between), len(images), times, self._span(settings))

    def times(self, settings: Settings) -> tuple[ImageTimes | None, Settings]:
        """Return the times of more than two images, and the settings with their unit.

        Raises
        ------
        ObservationError
            If the text of the user is not one time for each image, or the times do not increase.
        """
        count = len(self.images)
        if count < 3:
            return None, settings
        text = self._chooser.times.value()
        times = self._untold(settings) if text is None else times_from_text(text)
        if len(times.values) != count:
            raise ObservationError(
                f"“Image times” must be one time for each of {count} images; got "
                f"{len(times.values)}."
            )
        checked_times(times.values, count)
        found = None if times.unit is None else duration(times.unit)
        if found is not None:
            unit = {"images.interval": found[0], "images.interval_unit": found[1]}
            settings = settings.updated(unit)
        return times, settings

    def problem(self, settings: Settings) -> str:
        """Return a sentence on why the images or times cannot be used, or ``""``."""
        if problem := self.images.problem(settings):
            return problem
        try:
            self.times(settings)
        except ObservationError as error:
            return sentence(str(error))
        return ""

    # -------------------------------------------------------------- in between

    def _found(self) -> list[ChosenImage]:
        first, last = self._choices.layers
        a, b = self._choices.frames
        if first is None or last is None:
            return []
        if first is last:
            differ = [axis for axis in range(len(a)) if a[axis] != b[axis]]
            if len(differ) != 1:
                return []
            axis = differ[0]
            way = 1 if b[axis] > a[axis] else -1
            return [
                ChosenImage(first, (*a[:axis], number, *a[axis + 1 :]))
                for number in range(a[axis] + way, b[axis], way)
            ]
        if frame_axes(first) or frame_axes(last):
            return []
        layers = list(self._viewer.layers)
        one, other = layers.index(first), layers.index(last)
        way = 1 if other > one else -1
        return [
            ChosenImage(layer, (0,) * (layer.ndim - 2))
            for layer in layers[one + way : other : way]
            if type(layer) is type(first)
            and is_image(layer)
            and not role_of(layer)
            and not frame_axes(layer)
            and facts_of(layer) == facts_of(first)
            and is_mask(layer) == is_mask(first)
        ]

    def _known(self) -> ImageTimes | None:
        """Return the times that the layer of a stack has, None if it has none."""
        images = self.images
        layer = images[0].layer
        if layer is None or layer is not images[-1].layer:
            return None
        return times_of_layer(layer, [image.frame for image in images])

    def _span(self, settings: Settings | None) -> str:
        """Return the time from the first to the last image, ``""`` if it is unknown."""
        try:
            times, told = (None, settings) if settings is None else self.times(settings)
        except ObservationError:
            return ""
        if times is None or told is None or told.images.interval is None:
            return ""
        span = float(times.values[-1] - times.values[0]) * told.images.interval
        return f"{span:.4g} {unit_symbol(told.images.interval_unit)}"

    def _untold(self, settings: Settings | None) -> ImageTimes:
        """Return the times of the layer, unless the user chose another unit of time."""
        known = self._known()
        if known is None:
            return ImageTimes(_positions(self.images))
        chosen = None if settings is None else settings.images
        own = None if known.unit is None else duration(known.unit)
        if chosen is None or chosen.interval is None or own is None:
            return known
        same = (chosen.interval, chosen.interval_unit) == own
        return known if same else ImageTimes(_positions(self.images))


def _positions(images: Sequence[ChosenImage]) -> NDArray[np.float64]:
    """Return the numbers of the frames of a stack, or those of the images in order."""
    first, last = images[0], images[-1]
    if first.layer is not last.layer:
        return np.arange(len(images), dtype=np.float64)
    axis = next(k for k, (a, b) in enumerate(zip(first.frame, last.frame, strict=True)) if a != b)
    numbers = np.array([image.frame[axis] for image in images], np.float64)
    # Backwards, time begins at the first image that is used.
    return numbers if numbers[-1] > numbers[0] else numbers[0] - numbers


def _shown(times: ImageTimes) -> str:
    """Return times as a text."""
    texts = [f"{value:.6g}" for value in times.values]
    if len(texts) > _FEW:
        texts = [*texts[:3], "…", texts[-1]]
    unit = "" if times.unit is None else f" {unit_symbol(times.unit)}"
    return ", ".join(texts) + unit
