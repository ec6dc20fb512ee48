"""The presets: which defaults of the settings each one changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A named choice of settings: a sentence for the user and values by dotted name."""

    summary: str
    changes: dict[str, Any]


PRESETS: dict[str, Preset] = {
    "quick": Preset(
        "Three velocities are matched to the images with few iterations, in seconds. No network is "
        "used and nothing is trained.",
        {
            "model.members": 3,
            "model.refinement": "short",
            "model.stages": 4,
            "training.from_series": False,
            "output.window": 512,
            "output.overlap": 0.25,
        },
    ),
    "standard": Preset(
        "Four velocities are matched to the images with more iterations; closer to true frames "
        "than quick. No network is used and nothing is trained.",
        {},
    ),
    "accurate": Preset(
        "As standard, but matching starts from the velocity that the pretrained network proposes. "
        "Closer to true frames on turbulent flow, and not closer on average.",
        {"training.start_from": "prior"},
    ),
    "paper": Preset(
        "The published method without our additions: networks trained on the two images alone, "
        "from random weights.",
        {
            "images.normalisation": "patch",
            "images.brightness": "keep",
            "patches.size": (64, 64),
            "patches.stride": (32, 32),
            "model.fields_from": "first",
            "model.image_in_latent": False,
            "model.levels": 1,
            "model.coarsening": 0,
            "model.correlation": 0,
            "model.contrast": False,
            "model.latent_channels": 8,
            "model.extractor_width": 16,
            "model.extractor_growth": 2,
            "model.initial_fields": "zero",
            "model.members": 1,
            "model.weighting": "equal",
            "model.timing": "free",
            "model.unet_width": 16,
            "physics.equation": "advection",
            "physics.transport": "stages",
            "physics.motion": "steady",
            "physics.interpolation": "bilinear",
            "physics.limiter": False,
            "physics.visibility": False,
            "physics.departure": "euler",
            "physics.border": "clamp",
            "training.start_from": "scratch",
            "training.steps": 800,
            "training.batch_size": 4,
            "training.keep_better": False,
            "training.stop_early": False,
            "training.data_term": "square",
            "training.smoothness": "first",
            "training.weight_space": 1e-3,
            "output.window": 64,
        },
    ),
}
