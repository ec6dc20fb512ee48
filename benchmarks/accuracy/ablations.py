"""What the preset `standard` loses when one of its parts is taken away."""

from __future__ import annotations

from typing import Any

#: The prior has networks of one shape only.
_SCRATCH = {"training.start_from": "scratch"}

#: Settings that differ from those of `standard`, by the name of the row. What the
#: installed version refuses gives an empty row with the reason.
ABLATIONS: dict[str, dict[str, Any]] = {
    "steady fields": {"physics.motion": "steady"},
    "bicubic kernel": {"physics.interpolation": "bicubic"},
    "no limiter": {"physics.limiter": False},
    "no visibility": {"physics.visibility": False},
    "one member": {"model.members": 1},
    "equal weights": {"model.weighting": "equal"},
    "from scratch": {"training.start_from": "scratch"},
    "no training": {"training.steps": 0},
    "free timing": {"model.timing": "free", **_SCRATCH},
    "trained everywhere": {"training.keep_better": False},
    "no image in the state": {"model.image_in_latent": False, **_SCRATCH},
    "advection without source": {"physics.equation": "advection"},
    "one level": {"model.levels": 1},
    "first differences": {"training.smoothness": "first"},
    "squared data term": {"training.data_term": "square"},
    "brightness kept": {"images.brightness": "keep"},
}
