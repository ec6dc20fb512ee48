"""What the preset `standard` loses when one of its parts is taken away."""

from __future__ import annotations

from typing import Any

#: Settings that differ from those of `standard`, by the name of the row. What the
#: installed version refuses gives an empty row with the reason.
ABLATIONS: dict[str, dict[str, Any]] = {
    "TV-L1 start": {"model.initial_fields": "flow"},
    "steady fields": {"physics.motion": "steady"},
    "bicubic kernel": {"physics.interpolation": "bicubic"},
    "no visibility": {"physics.visibility": False},
    "one member": {"model.members": 1},
    "equal weights": {"model.weighting": "equal"},
    "one step of training": {"training.steps": 1},
    "free timing": {"model.timing": "free"},
    "trained everywhere": {"training.keep_better": False},
    "no image in the state": {"model.image_in_latent": False},
    "first end only": {"physics.ends": "first"},
    "one level": {"model.levels": 1},
    "first differences": {"training.smoothness": "first"},
    "squared data term": {"training.data_term": "square"},
    "brightness kept": {"images.brightness": "keep"},
}
