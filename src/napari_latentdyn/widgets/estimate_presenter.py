"""Estimates of memory and time, devices, and the interval of the images."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_latentdyn.errors import UserError
from napari_latentdyn.settings import Settings
from napari_latentdyn.widgets.background import BackgroundJob, JobQueue
from napari_latentdyn.widgets.facts import facts_of
from napari_latentdyn.widgets.form import tooltip
from napari_latentdyn.widgets.job import Job
from napari_latentdyn.widgets.layouts import single_shot
from napari_latentdyn.widgets.texts import amount, sentence, time_span

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.core.networks.device import Device
    from napari_latentdyn.core.training.estimate import Pace
    from napari_latentdyn.widgets.chosen_images import ChosenImages
    from napari_latentdyn.widgets.learn_view import LearnView

__all__ = ["EstimatePresenter"]

_SEARCHING = "looking for devices…"
_MEASURED = "The time comes from earlier runs on this computer."
_GUESSED = "The time is a guess until a run on this computer has been timed."
# Importing PyTorch blocks the interpreter: let the window appear first.
_SEARCH_DELAY_MS = 400
_UPDATE_DELAY_MS = 120


class EstimatePresenter(QObject):
    """Keeps the estimate and the list of devices of a view up to date."""

    def __init__(self, view: LearnView) -> None:
        super().__init__(view)
        self._view = view
        self._devices: list[Device] = []
        self._queue = JobQueue(self)
        self._layer: Image | None = None
        self._count = 2
        self._settings: Settings | None = None
        self._steps_done: int | None = None
        self._pace: Pace | None = None
        self._prefilled: tuple[float, str] | None = None
        self._timer = single_shot(self, _UPDATE_DELAY_MS, self._write)
        self._search_timer = single_shot(self, _SEARCH_DELAY_MS, self._search_devices)
        view.show_devices({"auto": f"auto ({_SEARCHING})"}, "")

    def start(self) -> None:
        """Start the search for devices after a delay."""
        if not self._devices and not self._queue.busy:
            self._search_timer.start()

    def stop(self) -> None:
        """Stop updates, and wait for the search for devices."""
        self._timer.stop()
        self._search_timer.stop()
        self._layer = None
        self._queue.close()

    def update(
        self,
        images: ChosenImages,
        settings: Settings | None,
        steps_done: int | None = None,
    ) -> None:
        """Request a new estimate; settings are None if the images cannot be used.

        `steps_done` is the number of steps of the training that would be continued.
        """
        self._layer, self._count = images[0].layer, len(images)
        self._settings, self._steps_done = settings, steps_done
        self._timer.start()

    def learn_pace(self, job: Job, dynamics: Dynamics) -> None:
        """Store the time of each phase of a run for the next estimate."""
        from napari_latentdyn.core.training.estimate import Pace

        observations, report = dynamics.observations, dynamics.report
        watch = job.watch
        rendering = None
        if job.layers:
            fields = watch.after(report.seconds or 0.0)
            rendering = fields + job.seconds_of_frames
        if self._pace is None:
            self._pace = Pace()
        self._pace.learn(
            observations.shape,
            observations.channels,
            job.settings,
            report.device or "cpu",
            {"matching": watch.matching, "step": watch.step, "rendering": rendering},
            len(observations),
        )

    def prefill_interval(self, found: tuple[float, str] | None) -> None:
        """Set the interval that the images have, None if it is unknown, unless the user set it."""
        form = self._view.form
        value, unit = form.editor("images.interval"), form.editor("images.interval_unit")
        if value.value() is not None and (value.value(), unit.value()) != self._prefilled:
            return
        if found is None and self._prefilled is None:
            return
        self._prefilled = found
        value.setValue(None if found is None else found[0])
        if found is not None:
            unit.setValue(found[1])

    # --------------------------------------------------------------- devices

    def _search_devices(self) -> None:
        self._queue.run("", "search for devices", _find_devices, self._on_devices)

    def _on_devices(self, found: tuple[list[Device], str]) -> None:
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

        layer, settings = self._layer, self._settings
        if layer is None or settings is None:
            self._view.show_estimate("")
            return
        facts = facts_of(layer)
        channels = 1 if settings.images.channel is not None else facts.channels
        device = self._device(settings.training.device)
        name = device.name if device else "cpu"
        try:
            found = estimate(
                facts.shape,
                channels,
                settings,
                self._pace,
                name,
                self._steps_done,
                images=self._count,
            )
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


def _find_devices(_: BackgroundJob) -> tuple[list[Device], str]:
    """Import PyTorch; return the devices, and why a GPU is not used."""
    try:
        from napari_latentdyn.core.networks.device import cuda_note, list_devices, warm_up

        # Imports block the interpreter, so import the training now instead of at its start.
        importlib.import_module("napari_latentdyn.core.training.fit")
        warm_up()
        return list_devices(), cuda_note()
    except (ImportError, OSError, RuntimeError) as error:
        return [], f"PyTorch cannot be used: {' '.join(str(error).split())[:200]}"
