"""What the preset `standard` loses when one of its parts is taken away.

`parts.py` measures networks and training, which `standard` does without.
"""

from __future__ import annotations

from typing import Any

#: Settings that differ from those of `standard`, by the name of the row. What the
#: installed version refuses gives an empty row with the reason.
ABLATIONS: dict[str, dict[str, Any]] = {
    "steady fields": {"physics.motion": "steady"},
    "bicubic kernel": {"physics.interpolation": "bicubic"},
    "no limiter": {"physics.limiter": False},
    "no visibility": {"physics.visibility": False},
    "one member": {"model.members": 1},
    "equal weights": {"model.weighting": "equal"},
    "short matching": {"model.refinement": "short"},
    "advection without source": {"physics.equation": "advection"},
    "brightness kept": {"images.brightness": "keep"},
}
