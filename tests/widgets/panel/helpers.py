"""A training that can be steered, and the panel as a user sees it."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.core.training.fit import Progress
from napari_latentdyn.settings import Settings
from napari_latentdyn.widgets.learn import LearnDynamicsWidget


class SteeredDynamics:
    """What a training returns, without any network."""

    def __init__(self, pair: ImagePair, settings: Settings, steps: int, fit: SteeredFit) -> None:
        self.pair = pair
        self.settings = settings
        self.checkpoint = {"step": steps}
        self.report = {"steps": steps, "seconds": 1.5, "version": "0"}
        n = settings.model.stages
        self.fields = np.full((n, 2, *pair.shape), 0.5, np.float32)
        self.field_times = np.arange(n) / n
        self._fit = fit

    def times(self) -> NDArray[np.float64]:
        return np.linspace(0, 1, self.settings.model.stages + 1)

    def frames(
        self, times: Any, *, should_stop: Callable[[], bool], on_frame: Callable[[int, int], None]
    ) -> NDArray[np.float32]:
        self._fit.rendering.set()
        frames = []
        for i, t in enumerate(times):
            self._fit.frames_begun += 1
            time.sleep(self._fit.seconds_per_frame)
            if should_stop():
                raise InterruptedError
            on_frame(i + 1, len(times))
            frames.append((1 - t) * self.pair.first + t * self.pair.last)
        if self._fit.render_error is not None:
            raise self._fit.render_error
        result = np.stack(frames).astype(np.float32)
        return result if self.pair.multichannel else result[:, 0]

    def latents(self, times: Any, *, should_stop: Callable[[], bool]) -> NDArray[np.float32]:
        return np.zeros((len(times), 2, *self.pair.shape), np.float32)

    def confidence(self, times: Any, *, should_stop: Callable[[], bool]) -> NDArray[np.float32]:
        return np.full((len(times), *self.pair.shape), 0.5, np.float32)

    def save(self, folder: Any, **_: Any) -> Path:
        if self._fit.save_error is not None:
            raise self._fit.save_error
        Path(folder).mkdir()
        return Path(folder)


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
        self.calls: list[tuple[ImagePair, Settings, Any]] = []
        self.threads: list[threading.Thread] = []

    def __call__(
        self,
        pair: ImagePair,
        settings: Settings,
        *,
        should_stop: Callable[[], bool],
        resume: Any = None,
    ) -> Generator[Progress, None, SteeredDynamics]:
        self.calls.append((pair, settings, resume))
        self.threads.append(threading.current_thread())
        yield Progress("prepare", 0, 1, message="Preparing")
        step = resume["step"] if resume else 0
        while step < settings.training.steps and not should_stop():
            time.sleep(self.seconds_per_step)
            step += 1
            if self.error is not None and step == self.fails_at:
                raise self.error
            preview = pair.first if pair.multichannel else (pair.first + pair.last)[0] / 2
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
        return SteeredDynamics(pair, settings, step, self)


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
