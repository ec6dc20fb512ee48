"""What the window says before a training: devices, memory and time, the interval."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_latentdyn.errors import UserError
from napari_latentdyn.settings import ImageSettings, Settings
from napari_latentdyn.widgets.facts import facts_of
from napari_latentdyn.widgets.form import tooltip
from napari_latentdyn.widgets.job import Job, Outcome
from napari_latentdyn.widgets.texts import amount, sentence, time_span
from napari_latentdyn.widgets.worker import look_for_devices
from napari_latentdyn.widgets.workers import WAIT_SECONDS, make_worker

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_latentdyn.core.networks.device import Device
    from napari_latentdyn.core.training.estimate import Pace
    from napari_latentdyn.widgets.learn_view import LearnView

__all__ = ["INTERVAL_KEY", "EstimatePresenter"]

INTERVAL_KEY = "latentdyn_interval"
_LOOKING = "looking for devices…"
_MEASURED = "The time comes from earlier runs on this computer."
_GUESSED = "The time is a guess until a run on this computer has been timed."
# Importing PyTorch keeps the interpreter busy: let the window appear first.
_LOOK_DELAY_MS = 400
_UPDATE_DELAY_MS = 120


class _Look:
    """A look for devices, which can be called off as long as it has not begun."""

    title = "Latent Dynamics: search for devices"

    def __init__(self) -> None:
        self._called_off = threading.Event()
        self._began = threading.Event()
        self._ended = threading.Event()

    def run(self) -> tuple[list[Device], str] | None:
        """Look, in a thread of its own; None if it was called off."""
        self._began.set()
        try:
            return None if self._called_off.is_set() else look_for_devices()
        finally:
            self._ended.set()

    def cancel(self) -> None:
        """Call the look off if it has not begun."""
        self._called_off.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the thread.

        A thread begins only when the window comes round to it: a look that has
        not begun will not, and to wait for it would be in vain.
        """
        return not self._began.is_set() or self._ended.wait(seconds)


class EstimatePresenter(QObject):
    """Keeps the estimate and the list of devices of a view up to date."""

    def __init__(self, view: LearnView) -> None:
        super().__init__(view)
        self._view = view
        self._devices: list[Device] = []
        self._looker: Any = None
        self._look: _Look | None = None
        self._layers: tuple[Image | None, Image | None] = (None, None)
        self._settings: Settings | None = None
        self._steps_done: int | None = None
        self._pace: Pace | None = None
        self._prefilled: tuple[float, str] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_UPDATE_DELAY_MS)
        self._timer.timeout.connect(self._write)
        self._look_timer = QTimer(self)
        self._look_timer.setSingleShot(True)
        self._look_timer.setInterval(_LOOK_DELAY_MS)
        self._look_timer.timeout.connect(self._look_for_devices)
        view.show_devices({"auto": f"auto ({_LOOKING})"}, "")

    def start(self) -> None:
        """Look for devices soon."""
        if not self._devices and self._look is None:
            self._look_timer.start()

    def stop(self) -> None:
        """Stop all that is going on, and wait for the look for devices."""
        self._timer.stop()
        self._look_timer.stop()
        self._layers = (None, None)
        if self._look is not None:
            self._looker.returned.disconnect(self._on_devices)
            self._look.cancel()
            self._look.wait(WAIT_SECONDS)
            self._looker = self._look = None

    def update(
        self,
        layers: tuple[Image | None, Image | None],
        settings: Settings | None,
        steps_done: int | None = None,
    ) -> None:
        """Take other layers and settings, None if they are no pair, and estimate again soon.

        `steps_done` are those of the training that the next one continues.
        """
        self._layers, self._settings, self._steps_done = layers, settings, steps_done
        self._timer.start()

    def learn_pace(self, job: Job, outcome: Outcome) -> None:
        """Remember how long each phase of a run took, for the next estimate."""
        from napari_latentdyn.core.training.estimate import Pace

        pair, report = outcome.dynamics.pair, outcome.dynamics.report
        watch = job.queue.watch
        rendering = None
        if outcome.rendered is not None:
            fields = watch.after(float(report.get("seconds", 0.0)))
            rendering = fields + outcome.rendered.seconds
        if self._pace is None:
            self._pace = Pace()
        self._pace.learn(
            pair.shape,
            pair.channels,
            job.settings,
            str(report.get("device", "cpu")),
            {"matching": watch.matching, "step": watch.step, "rendering": rendering},
        )

    def prefill_interval(self, layers: tuple[Image | None, Image | None]) -> None:
        """Take the time between the images from their metadata, unless the user gave one."""
        form = self._view.form
        value, unit = form.editor("images.interval"), form.editor("images.interval_unit")
        if value.value() is not None and (value.value(), unit.value()) != self._prefilled:
            return
        found = next((known for known in map(_interval_of, layers) if known), None)
        if found is None and self._prefilled is None:
            return
        self._prefilled = found
        value.setValue(None if found is None else found[0])
        if found is not None:
            unit.setValue(found[1])

    # --------------------------------------------------------------- devices

    def _look_for_devices(self) -> None:
        self._look = _Look()
        self._looker = make_worker(self._look, self._look.run)
        self._looker.returned.connect(self._on_devices)
        self._looker.start()

    def _on_devices(self, found: tuple[list[Device], str] | None) -> None:
        self._looker = self._look = None
        if found is None:
            return
        self._devices, note = found
        texts = {}
        for device in self._devices:
            free = f", {amount(device.free_bytes)} free" if device.free_bytes else ""
            label = device.label
            if not label.lower().startswith(device.name):
                label = f"{device.name}: {label}"
            texts[device.name] = f"{label}{free}"
        for name in ("cpu", "cuda", "mps"):
            texts.setdefault(name, f"{name} (not available)")
        best = self._devices[0].label if self._devices else "not available"
        texts["auto"] = f"auto ({best})"
        self._view.show_devices(texts, sentence(note))
        self._timer.start()

    def _device(self, name: str) -> Device | None:
        if name == "auto":
            return self._devices[0] if self._devices else None
        return next((device for device in self._devices if device.name == name), None)

    # -------------------------------------------------------------- estimate

    def _write(self) -> None:
        from napari_latentdyn.core.training.estimate import estimate

        first, last = self._layers
        settings = self._settings
        if first is None or last is None or settings is None:
            self._view.show_estimate("")
            return
        facts = facts_of(first)
        channels = 1 if settings.images.channel is not None else facts.channels
        device = self._device(settings.training.device)
        name = device.name if device else "cpu"
        try:
            found = estimate(facts.shape, channels, settings, self._pace, name, self._steps_done)
        except UserError as error:
            self._view.show_estimate("", (sentence(str(error)),))
            return
        text = f"about {amount(found.memory_bytes)} · {time_span(*found.seconds)}"
        if found.patches:
            text = f"{found.patches} pair{'s' * (found.patches != 1)} of patches · {text}"
        warnings = list(found.warnings)
        if device is not None and device.free_bytes and found.memory_bytes > device.free_bytes:
            warnings.append(
                f"Only {amount(device.free_bytes)} are free on {device.label}: use a smaller "
                "batch or patch size."
            )
        if settings.training.device not in ("auto", "cpu") and self._devices and device is None:
            warnings.append(f"There is no device {settings.training.device} on this computer.")
        self._view.show_estimate(text, tuple(warnings))
        self._view.estimate.setToolTip(tooltip(_MEASURED if found.measured else _GUESSED))


def _interval_of(layer: Image | None) -> tuple[float, str] | None:
    mark = layer.metadata.get(INTERVAL_KEY) if layer is not None else None
    if not isinstance(mark, dict):
        return None
    try:
        images = ImageSettings.parse({"interval": mark["value"], "interval_unit": mark["unit"]})
    except (KeyError, UserError):
        return None
    return (images.interval, images.interval_unit) if images.interval else None
