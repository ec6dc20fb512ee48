"""What is compared: presets, presets with changes, and rivals."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from benchmarks.accuracy.ablations import ABLATIONS
from benchmarks.accuracy.rivals import RIVALS

__all__ = [
    "MAIN_PRESET",
    "METHODS",
    "PRESETS",
    "VARIANTS",
    "Method",
    "ablated",
    "choose",
    "label_of",
    "run_settings",
]

PRESETS = ("quick", "standard", "accurate", "paper")
#: Presets with changes that are methods of their own.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "prior": ("quick", {"training.start_from": "prior", "model.initial_fields": "extracted"}),
}
#: The preset that is compared with the best rivals, and that ablations change.
MAIN_PRESET = "standard"
#: Counts up whenever a rival changes what it computes.
_RECIPE = 1

#: Names of variants, and of methods that only a file of given figures may have.
_LABELS = {
    "prior": "the prior alone",
    "rife3": "RIFE 3",
    "rife3_x2": "RIFE 3, x2",
    "rife40": "RIFE 4.0",
    "rife40_x2": "RIFE 4.0, x2",
    "rife425": "RIFE 4.25",
    "rife425_x2": "RIFE 4.25, x2",
    "flow_ilk": "iterative Lucas-Kanade flow",
    "flow_farneback": "Farnebäck flow",
    "flow_best": "best-looking flow",
    "advect": "advection of the images, one-sided",
    "advect_unet": "advection of the images, fields by a U-net, one-sided",
    "advect_unet_bidir": "advection of the images, fields by a U-net",
    "ot_deb": "optimal transport, debiased",
    "ot_exact": "optimal transport, exact",
    "ot_geomloss": "optimal transport, multiscale",
}


@dataclass(frozen=True)
class Method:
    """One row of the tables.

    Attributes
    ----------
    name : str
        Key in the results.
    preset : str or None
        The preset that it is, or None for a rival.
    changes : dict
        Settings that differ from the preset.
    """

    name: str
    preset: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        """Name for files."""
        return re.sub(r"[^A-Za-z0-9]+", "_", self.name).strip("_")

    def recipe(self, threads: int) -> dict[str, Any]:
        """Return everything that decides about the result, as plain data.

        Raises
        ------
        SettingsError
            If the changes are refused.
        """
        if self.preset is None:
            return {"rival": self.name, "recipe": _RECIPE, "threads": threads}
        settings = run_settings(self.preset, self.changes, threads)
        return {"settings": settings.model_dump(mode="json")}

    def missing(self) -> str | None:
        """Return why it cannot run here, or None if it can."""
        return None if self.preset else RIVALS[self.name].missing()


def run_settings(preset: str, changes: dict[str, Any], threads: int) -> Any:
    """Return the settings that a preset is run with.

    Raises
    ------
    SettingsError
        If there is no such preset, or the changes are refused.
    """
    from napari_latentdyn.settings import Settings

    always = {"output.preview": False, "training.threads": threads}
    return Settings.preset(preset).updated({**always, **changes})


def ablated(name: str) -> str:
    """Return the key of an ablation in the results."""
    return f"{MAIN_PRESET}: {name}"


METHODS: dict[str, Method] = {
    **{name: Method(name, preset=name) for name in PRESETS},
    **{name: Method(name, preset, changes) for name, (preset, changes) in VARIANTS.items()},
    **{name: Method(name) for name in RIVALS},
    **{
        ablated(name): Method(ablated(name), preset=MAIN_PRESET, changes=changes)
        for name, changes in ABLATIONS.items()
    },
}


def choose(names: list[str] | None, ablation: bool) -> list[Method]:
    """Return the methods to run.

    Parameters
    ----------
    names : list of str, or None
        Presets and rivals; None for all of them.
    ablation : bool
        Whether the changed presets run as well, and what they are compared with.

    Raises
    ------
    ValueError
        If there is no such method.
    """
    known = [*PRESETS, *VARIANTS, *RIVALS]
    chosen = known if names is None else names
    for name in chosen:
        if name not in METHODS:
            raise ValueError(f"there is no method '{name}'; known are {', '.join(known)}")
    if ablation:
        chosen = [*dict.fromkeys([*chosen, MAIN_PRESET]), *map(ablated, ABLATIONS)]
    return [METHODS[name] for name in dict.fromkeys(chosen)]


def label_of(name: str) -> str:
    """Return the name that a table shows for a key of the results."""
    if name in RIVALS:
        return RIVALS[name].label
    return _LABELS.get(name, name)
