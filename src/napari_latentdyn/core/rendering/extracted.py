"""Advection fields of a whole image that networks extract window by window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.patches import Window, blend_weights
from napari_latentdyn.core.rendering.ends import Ends

__all__ = ["extracted_fields"]


@torch.no_grad()
def extracted_fields(
    model: LatentDynamics,
    ends: Ends,
    windows: Sequence[Window],
    start: NDArray[np.float32],
    check: Callable[[], None],
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Return the advection fields, shape (n, 2, H, W), in pixels per stage.

    Parameters
    ----------
    model : LatentDynamics
        The networks, on the device of the computation.
    ends : Ends
        Both images.
    windows : sequence of Window
        Overlapping windows of the image, whose fields are blended.
    start : ndarray of float32, shape (n, 2, H, W)
        Initial fields in pixels per stage.
    check : callable
        Called before each window; it may raise `Stopped`.
    on_progress : callable, optional
        Called with the number of finished windows and that of all windows.
    """
    device = next(model.parameters()).device
    shape = (start.shape[-2], start.shape[-1])
    total, weight = np.zeros(start.shape, np.float32), np.zeros(shape, np.float32)
    for number, window in enumerate(windows, 1):
        check()
        low, span = ends.bounds(window)
        first, last = ((image - low) / span for image in ends.crop(window))
        initial = torch.from_numpy(start[(..., *window.slices)])[None].to(device)
        found = model.extract(first, last, initial)
        if model.settings.training.keep_better:
            found = model.keep_better(first, last, initial, found, ends.zeros(low, span))
        share = blend_weights(window, shape)
        total[(..., *window.slices)] += found[0].cpu().numpy() * share
        weight[window.slices] += share
        if on_progress is not None:
            on_progress(number, len(windows))
    total /= weight
    return total
