"""What the report of a run says of its images and of what was done."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.core.runfolder.evidence import MotionEvidence
from napari_latentdyn.settings import Settings

__all__ = ["describe_inputs", "interval_of", "make_report"]

#: Entries of the history of losses that are kept.
_HISTORY = 500


def make_report(
    settings: Settings,
    *,
    device: str,
    steps: int,
    seconds: float,
    history: Sequence[dict[str, float]],
    batch_size: int,
    agreement: tuple[float | None, float | None] = (None, None),
    converged: bool = False,
    evidence: MotionEvidence | None = None,
) -> dict[str, Any]:
    """Describe a fit: what was done, on what, how long, and what training was worth."""
    every = max(1, len(history) // _HISTORY)
    return {
        "version": importlib.metadata.version("napari-latentdyn"),
        "torch": torch.__version__,
        "seed": settings.training.seed,
        "device": device,
        "batch_size": batch_size,
        "steps": steps,
        "steps_planned": settings.training.steps,
        "seconds": round(seconds, 3),
        "losses": {
            "first": dict(history[0]) if history else {},
            "last": dict(history[-1]) if history else {},
        },
        "agreement": {
            "before": agreement[0],
            "after": agreement[1],
            "hidden": settings.training.stop_early,
        },
        "loss_history": [dict(entry) for entry in history[::every]],
        "motion_evidence": None if evidence is None else evidence.to_report(),
        "converged": converged,
        "stopped_early": steps < settings.training.steps and not converged,
        "metrics": {},
    }


def interval_of(settings: Settings) -> dict[str, Any] | None:
    """Return the time between the images, None if it is not known."""
    images = settings.images
    if images.interval is None:
        return None
    return {"value": images.interval, "unit": images.interval_unit}


def describe_inputs(pair: ImagePair, named: dict[str, Any]) -> dict[str, Any]:
    """Return hash, shape and type of both images, and what else is known of them."""
    return {
        end: {
            "name": "",
            "sha256": hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest(),
            "shape": list(image.shape if pair.multichannel else image.shape[1:]),
            "dtype": "float32",
            **named.get(end, {}),
        }
        for end, image in (("first", pair.first), ("last", pair.last))
    }
