"""Settings that may change when a training continues, for window and command line."""

from __future__ import annotations

from napari_latentdyn.settings import Settings, iter_fields

__all__ = ["changed_at_start"]

#: Training continues with its images, networks and initial fields; settings of these are fixed.
#: Steps, rates, weights of the loss and settings of the output may change.
_FIXED_GROUPS = ("images", "model", "physics")
_FIXED = ("training.start_from", "training.seed")
_FREE = ("images.interval", "images.interval_unit")


def changed_at_start(earlier: Settings, settings: Settings) -> str | None:
    """Return the name of the first changed setting that a continued training must keep, or None."""
    for name, _ in iter_fields():
        fixed = name.partition(".")[0] in _FIXED_GROUPS or name in _FIXED
        if fixed and name not in _FREE and settings.get(name) != earlier.get(name):
            return name
    return None
