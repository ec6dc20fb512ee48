"""How long the phases of a run take, measured while it runs; without PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_latentdyn.core.training.fit import Progress
    from napari_latentdyn.settings import Settings

__all__ = ["Stopwatch", "patience"]

#: Steps without improvement after which training stops at the earliest: from fields that carry
#: the images onto each other already, and from nothing.
_PATIENCE, _PATIENCE_FROM_NOTHING = 20, 200

#: Shares of the steps that were faster and slower than the pace that is told.
_FAST, _SLOW = 0.1, 0.9


def patience(settings: Settings) -> int | None:
    """Return after how many steps without improvement training stops; None if it does not.

    It never does where a decoder has to be learned first.
    """
    training, model = settings.training, settings.model
    if not (training.stop_early and model.image_in_latent):
        return None
    solved = model.initial_fields in ("matched", "extracted")
    return max(_PATIENCE if solved else _PATIENCE_FROM_NOTHING, training.steps // 4)


class Stopwatch:
    """Takes the time of each phase of a fit from its progress.

    A fit has costs that do not grow with its steps: matching, the first step,
    in which libraries set themselves up, and the fields of the whole image. The
    pace of a step is therefore the time between two steps, never the time of
    the run over the number of steps.
    """

    def __init__(self) -> None:
        self._prepared: list[float] = []
        self._is_prepared = False
        self._steps: list[int] = []
        self._seconds: list[float] = []
        self._last: float | None = None

    def see(self, progress: Progress) -> None:
        """Take note of a progress."""
        if progress.phase == "prepare":
            self._prepared.append(progress.seconds)
            self._is_prepared = progress.step >= progress.total > 0
        elif progress.phase == "train":
            self._steps.append(progress.step)
            self._seconds.append(progress.seconds)
        self._last = progress.seconds

    @property
    def matching(self) -> float | None:
        """Seconds of the preparation; None where there was none, or where it was not ended."""
        if not self._is_prepared:
            return None
        return self._prepared[-1] - self._prepared[0]

    @property
    def step(self) -> tuple[float, float] | None:
        """Seconds of a fast and of a slow step; None where no two steps were made."""
        if len(self._steps) < 2:
            return None
        each = np.diff(self._seconds) / np.maximum(np.diff(self._steps), 1)
        fast, slow = np.quantile(each, (_FAST, _SLOW))
        # Of a few steps nobody knows how far others differ.
        doubt = 1.1 + 0.4 / len(each)
        return float(fast) / doubt, float(slow) * doubt

    def after(self, seconds: float) -> float:
        """Return how much of a fit that took `seconds` came after the last progress seen."""
        return 0.0 if self._last is None else max(0.0, seconds - self._last)
