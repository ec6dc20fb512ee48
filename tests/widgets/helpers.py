"""What the tests of the window need: ways to reach its controls, and a training of their own."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QComboBox, QMessageBox, QPushButton, QWidget

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.core.training.fit import Progress
from napari_latentdyn.settings import Settings

PLUGIN = "napari-latentdyn"
LOSSES = {"total": 1.0, "match": 0.5, "autoencoding": 0.3, "space": 0.1, "time": 0.1}
#: The smallest networks that are a training; a preview takes napari longer than all the rest.
TINY = {
    "patches.size": (48, 48),
    "patches.stride": (48, 48),
    "model.stages": 2,
    "model.levels": 1,
    "model.latent_channels": 2,
    "model.encoder_width": 2,
    "model.unet_width": 1,
    "model.extractor_width": 1,
    "model.coarsening": 0,
    "model.initial_fields": "zero",
    "training.start_from": "scratch",
    "training.steps": 4,
    "training.batch_size": 1,
    "training.device": "cpu",
    "training.threads": 1,
    "output.window": 48,
    "output.preview": False,
}


def control(panel: QWidget, name: str, kind: type = QWidget) -> Any:
    found = panel.findChild(kind, name)
    assert found is not None, f"there is no {kind.__name__} named {name}"
    return found


def choose(panel: QWidget, name: str, text: str) -> None:
    box = control(panel, name, QComboBox)
    index = box.findText(text)
    assert index >= 0, entries(panel, name)
    box.setCurrentIndex(index)


def chosen(panel: QWidget) -> tuple[str, str]:
    """Names of the layers that are chosen."""
    first, last = (control(panel, name, QComboBox) for name in ("first_image", "last_image"))
    return first.currentText(), last.currentText()


def entries(panel: QWidget, name: str) -> list[str]:
    box = control(panel, name, QComboBox)
    return [box.itemText(i) for i in range(box.count())]


def put(panel: QWidget, changes: dict[str, Any]) -> None:
    """Give settings through their controls."""
    for name, value in changes.items():
        control(panel, name).setValue(value)


def press(qtbot: Any, panel: QWidget, name: str) -> None:
    button = control(panel, name, QPushButton)
    qtbot.waitUntil(button.isEnabled, timeout=10_000)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def status(panel: QWidget) -> tuple[str, str]:
    """Return what the status line says, and how serious it is."""
    label = control(panel, "status")
    return html.unescape(label.text()), label.property("severity")


def is_one_sentence(text: str) -> bool:
    """Whether a text reads as one sentence, and shows nothing of Python."""
    plain = text.strip()
    first_word = plain.split(" ", maxsplit=1)[0]
    return (
        # The dotted name of a setting is written as it is.
        (plain[:1] == plain[:1].upper() or "." in first_word)
        and plain.endswith((".", "?"))
        and ". " not in plain
        and "Traceback" not in plain
        and "\n" not in plain
    )


def refused(panel: QWidget) -> str:
    """Assert that training is refused with one sentence, and return it."""
    text, severity = status(panel)
    assert severity == "error", text
    assert is_one_sentence(text), text
    assert not control(panel, "train", QPushButton).isEnabled()
    return text


def failed(panel: QWidget) -> str:
    """Assert that a training has failed with one sentence, and return it."""
    text, severity = status(panel)
    assert severity == "error", text
    assert is_one_sentence(text), text
    assert idle(panel)
    return text


def made(viewer: Any, role: str) -> list[Any]:
    """Layers of results with a role, "frames" or "fields"."""
    marks = ((layer, layer.metadata.get("latentdyn", {})) for layer in viewer.layers)
    return [layer for layer, mark in marks if mark.get("role") == role]


def idle(panel: QWidget) -> bool:
    """Whether nothing is running and a training could be started."""
    train, cancel = (control(panel, name, QPushButton) for name in ("train", "cancel"))
    return bool(train.isEnabled() and not cancel.isEnabled())


def question() -> QMessageBox | None:
    """Return the question that is shown."""
    found = [
        widget
        for widget in QApplication.topLevelWidgets()
        if isinstance(widget, QMessageBox) and widget.isVisible()
    ]
    assert len(found) < 2
    return found[0] if found else None


def answer(qtbot: Any, button: QMessageBox.StandardButton) -> str:
    """Press a button of the question, and return what it asked."""
    qtbot.waitUntil(lambda: question() is not None)
    box = question()
    assert box is not None
    text = box.text()
    qtbot.mouseClick(box.button(button), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: question() is None)
    QApplication.processEvents()
    return text


def run(qtbot: Any, panel: QWidget, button: str = "train", timeout: int = 60_000) -> None:
    """Press a button that trains, and wait for the end."""
    press(qtbot, panel, button)
    assert control(panel, "cancel", QPushButton).isEnabled(), status(panel)
    qtbot.waitUntil(lambda: idle(panel), timeout=timeout)


@dataclass(eq=False)
class FakeFitted:
    """Stands in for networks: dissolves one image into the other."""

    checkpoint: Any
    problem: Exception | None = None

    def render(
        self,
        what: str,
        observations: Observations,
        fields: NDArray[np.float32],
        times: NDArray[np.float64],
        settings: Settings,
        should_stop: Any = None,
        on_frame: Any = None,
    ) -> NDArray[np.float32]:
        if self.problem is not None:
            raise self.problem
        shape = observations.shape
        if what == "latents":
            return np.zeros((len(times), 2, *shape), np.float32)
        if what == "confidence":
            return np.full((len(times), 1, *shape), 0.5, np.float32)
        weights = (np.asarray(times, np.float32) / observations.times[-1])[:, None, None, None]
        if on_frame is not None:
            on_frame(len(weights), len(weights))
        first, last = observations.images[0], observations.images[-1]
        return np.asarray((1 - weights) * first + weights * last, np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {"weight": np.zeros(2, np.float32)}


def fake_dynamics(
    pair: Observations, settings: Settings, fitted: Any, speed: float = 1.0, **report: Any
) -> Dynamics:
    """Make a result whose frames come from something else than networks."""
    stages = settings.model.stages * (len(pair) - 1)
    fields = np.full((stages, 2, *pair.shape), speed, np.float32)
    report["observation_times"] = pair.times.tolist()
    interval = settings.images.interval
    if interval is not None:
        report["interval"] = {"value": interval, "unit": settings.images.interval_unit}
    report["inputs"] = [dict(source) for source in pair.sources]
    if pair.geometry is not None:
        report["placement"] = pair.geometry.to_report()
    made = RunReport.model_validate(report)
    return Dynamics(settings, fields, made, observations=pair, fitted=fitted)


@dataclass
class FakeFit:
    """Stands in for a training.

    `gate` holds it before its first step until it is set, `pause` is the time
    of a step, `error` is raised after `error_at` steps, and `problem` when the
    frames are rendered.
    """

    pause: float = 0.01
    error: BaseException | None = None
    error_at: int = 1
    problem: Exception | None = None
    gate: threading.Event | None = None
    calls: list[tuple[Observations, Settings, Any]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def __call__(
        self,
        pair: Observations,
        settings: Settings,
        *,
        should_stop: Callable[[], bool],
        resume: Any = None,
    ) -> Generator[Progress, None, Dynamics]:
        self.calls.append((pair, settings, resume))
        self.done.clear()
        try:
            return (yield from self._steps(pair, settings, should_stop, resume or 0))
        finally:
            self.done.set()

    def _steps(
        self, pair: Observations, settings: Settings, should_stop: Callable[[], bool], step: int
    ) -> Generator[Progress, None, Dynamics]:
        total = settings.training.steps
        while self.gate is not None and not self.gate.wait(0.01) and not should_stop():
            pass
        while step < total and not should_stop():
            if self.error is not None and step >= self.error_at:
                raise self.error
            time.sleep(self.pause)
            step += 1
            middle = (pair.images[0] + pair.images[1]) / 2
            preview = middle if pair.multichannel else middle[0]
            yield Progress("train", step, total, LOSSES, step * self.pause, preview, "Training")
        return fake_dynamics(
            pair,
            settings,
            FakeFitted(step, self.problem),
            steps=step,
            seconds=step * self.pause,
            stopped_early=step < total,
        )


def train_button(panel: Any) -> QPushButton:
    button: QPushButton = control(panel, "train", QPushButton)
    return button
