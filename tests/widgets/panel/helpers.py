"""A training that can be steered, and the panel as a user sees it."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget
from tests.widgets.helpers import fake_dynamics

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import Progress
from napari_latentdyn.settings import Settings
from napari_latentdyn.widgets.learn import LearnDynamicsWidget


class SteeredFitted:
    """Stands in for networks, and takes as long as it is told."""

    def __init__(self, steps: int, fit: SteeredFit) -> None:
        self.checkpoint = {"step": steps}
        self._fit = fit

    def render(
        self,
        what: str,
        observations: Observations,
        fields: NDArray[np.float32],
        times: NDArray[np.float64],
        settings: Settings,
        should_stop: Callable[[], bool],
        on_frame: Callable[[int, int], None] | None,
    ) -> NDArray[np.float32]:
        if what != "frames":
            channels = {"latents": 2, "confidence": 1}[what]
            return np.full((len(times), channels, *observations.shape), 0.5, np.float32)
        self._fit.rendering.set()
        frames = []
        first, last = observations.images
        for i, t in enumerate(times):
            self._fit.frames_begun += 1
            time.sleep(self._fit.seconds_per_frame)
            if should_stop():
                raise InterruptedError
            if on_frame is not None:
                on_frame(i + 1, len(times))
            frames.append((1 - t) * first + t * last)
        if self._fit.render_error is not None:
            raise self._fit.render_error
        return np.stack(frames).astype(np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        if self._fit.save_error is not None:
            raise self._fit.save_error
        return {"weight": np.zeros(2, np.float32)}


class SteeredFit:
    """Has the interface of `fit`, takes as long as it is told, and fails when it is told."""

    def __init__(self) -> None:
        self.seconds_per_step = 0.002
        self.seconds_per_frame = 0.0
        self.frames_begun = 0
        self.error: Exception | None = None
        self.fails_at = 3
        self.render_error: Exception | None = None
        self.save_error: Exception | None = None
        self.training = threading.Event()
        self.rendering = threading.Event()
        self.calls: list[tuple[Observations, Settings, Any]] = []
        self.threads: list[threading.Thread] = []

    def __call__(
        self,
        pair: Observations,
        settings: Settings,
        *,
        should_stop: Callable[[], bool],
        resume: Any = None,
    ) -> Generator[Progress, None, Dynamics]:
        self.calls.append((pair, settings, resume))
        self.threads.append(threading.current_thread())
        yield Progress("prepare", 0, 1, message="Preparing")
        step = resume["step"] if resume else 0
        while step < settings.training.steps and not should_stop():
            time.sleep(self.seconds_per_step)
            step += 1
            if self.error is not None and step == self.fails_at:
                raise self.error
            preview = (
                pair.images[0] if pair.multichannel else (pair.images[0] + pair.images[1])[0] / 2
            )
            yield Progress(
                "train",
                step,
                settings.training.steps,
                {"total": 1 / step},
                0.1,
                preview,
                "Training",
            )
            self.training.set()
        return fake_dynamics(
            pair, settings, SteeredFitted(step, self), 0.5, steps=step, seconds=1.5, version="0"
        )


class Panel:
    """The widget as a user sees it."""

    def __init__(self, widget: LearnDynamicsWidget, qtbot: Any) -> None:
        self.widget = widget
        self._qtbot = qtbot

    def __getitem__(self, name: str) -> Any:
        found = self.widget.findChild(QWidget, name)
        assert found is not None, f"there is no control named {name}"
        return found

    def press(self, name: str) -> None:
        assert self[name].isEnabled(), f"{name} cannot be pressed: {self.status}"
        self._qtbot.mouseClick(self[name], Qt.MouseButton.LeftButton)

    @property
    def status(self) -> str:
        return html.unescape(self["status"].text())

    @property
    def severity(self) -> str:
        return str(self["status"].property("severity"))

    @property
    def running(self) -> bool:
        return bool(self["cancel"].isEnabled())

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        self._qtbot.waitUntil(condition, timeout=int(1000 * seconds))

    def wait_for_end(self, seconds: float = 60) -> None:
        self.wait_for(lambda: not self.widget.controller.state.running, seconds)

    def train(self) -> None:
        self.press("train")
        self.wait_for_end()
