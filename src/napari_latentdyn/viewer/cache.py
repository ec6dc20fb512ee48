"""Results of this process by their run, as long as somebody keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["put", "take"]

_cache: WeakValueDictionary[str, Dynamics] = WeakValueDictionary()


def put(run_id: str, dynamics: Dynamics) -> None:
    """Make a result known under its run; one that was known before is forgotten."""
    _cache[run_id] = dynamics


def take(run_id: str) -> Dynamics | None:
    """Return the result of a run, or None if nobody keeps it any more."""
    return _cache.get(run_id)
