"""Durations of the phases of a run, measured while it runs; without PyTorch."""

from __future__ import annotations

import numpy as np

from napari_latentdyn.core.training.progress import Progress
from napari_latentdyn.settings import Settings

__all__ = ["MOST_HIDDEN", "Stopwatch", "patience"]

#: Largest number of images of a series that are hidden, one after the other.
MOST_HIDDEN = 8

#: Least number of steps without improvement after which training stops: from initial fields that
#: already match the images, and from zero.
_PATIENCE, _PATIENCE_FROM_NOTHING = 20, 200

#: Quantiles of the seconds of a step that are reported.
_FAST, _SLOW = 0.1, 0.9


def patience(settings: Settings) -> int | None:
    """Return the number of steps without improvement after which training stops, or None.

    Training never stops early where a decoder has to be learned first.
    """
    training, model = settings.training, settings.model
    if not (training.stop_early and model.image_in_latent):
        return None
    solved = model.initial_fields in ("matched", "extracted")
    return max(_PATIENCE if solved else _PATIENCE_FROM_NOTHING, training.steps // 4)


class Stopwatch:
    """Measures the time of each phase of a fit from its progress.

    A fit has costs that do not grow with its steps: matching, the first step, in which
    libraries initialise, and the fields of the whole image. The time of a step is therefore
    that between two steps, never the time of the run over the number of steps.
    """

    def __init__(self) -> None:
        self._prepared: list[float] = []
        self._learned: list[float] = []
        self._is_prepared = False
        self._steps: list[int] = []
        self._seconds: list[float] = []
        self._last: float | None = None

    def see(self, progress: Progress) -> None:
        """Record a progress."""
        if progress.phase == "prepare":
            self._prepared.append(progress.seconds)
            self._is_prepared = progress.step >= progress.total > 0
        elif progress.phase == "learn":
            self._learned.append(progress.seconds)
        elif progress.phase == "train":
            self._steps.append(progress.step)
            self._seconds.append(progress.seconds)
        self._last = progress.seconds

    @property
    def matching(self) -> float | None:
        """Seconds of matching and learning; None where there was none, or it did not end."""
        if not self._is_prepared:
            return None
        return sum(part[-1] - part[0] for part in (self._prepared, self._learned) if part)

    @property
    def step(self) -> tuple[float, float] | None:
        """Seconds of a fast and of a slow step; None for fewer than two steps."""
        if len(self._steps) < 2:
            return None
        each = np.diff(self._seconds) / np.maximum(np.diff(self._steps), 1)
        fast, slow = np.quantile(each, (_FAST, _SLOW))
        # A few steps do not show how much others differ.
        doubt = 1.1 + 0.4 / len(each)
        return float(fast) / doubt, float(slow) * doubt

    def after(self, seconds: float) -> float:
        """Return the part of a fit of `seconds` that followed the last recorded progress."""
        return 0.0 if self._last is None else max(0.0, seconds - self._last)
