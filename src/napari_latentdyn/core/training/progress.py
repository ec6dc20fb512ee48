"""Progress of a fit, for the window, the command line and tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Progress"]


@dataclass(frozen=True)
class Progress:
    """Progress of a fit.

    Attributes
    ----------
    phase : {"prepare", "train", "render", "learn"}
        Initial fields, training, the fields of the whole image, or the comparison with hidden
        images of a series.
    step, total : int
        Finished and total work of this phase; optimiser steps in the phase "train".
    losses : dict of str to float
        "total" and each term of equation 9 before weighting; empty outside of
        the phase "train".
    seconds : float
        Time since the start, that of an earlier part included.
    preview : ndarray of float32, shape (H, W) or (C, H, W), or None
        The current frame half way, every few seconds.
    message : str
        One line for the user.
    agreement_before, agreement : float or None
        Part of the difference between the images that motion removes in hidden
        blocks, at most 1: with the initial fields, and as last measured. None
        outside of the phase "train", and where the blocks show no change.
    note : str
        A sentence for the user that is said once; empty for most steps.
    """

    phase: Literal["prepare", "train", "render", "learn"]
    step: int
    total: int
    losses: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    preview: NDArray[np.float32] | None = None
    message: str = ""
    agreement_before: float | None = None
    agreement: float | None = None
    note: str = ""
