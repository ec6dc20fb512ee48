"""Results of this process by their run, as long as somebody keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakValueDictionary

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_latentdyn.core.dynamics import Dynamics

__all__ = ["keep", "put", "take"]

_shelf: WeakValueDictionary[str, Dynamics] = WeakValueDictionary()
_kept: WeakKeyDictionary[Layer, Dynamics] = WeakKeyDictionary()


def put(run_id: str, dynamics: Dynamics) -> None:
    """Make a result known under its run; one that was known before is forgotten."""
    _shelf[run_id] = dynamics


def keep(layer: Layer, dynamics: Dynamics) -> None:
    """Keep a result as long as a layer of it, or until the layer shows another one."""
    _kept[layer] = dynamics


def take(run_id: str) -> Dynamics | None:
    """Return the result of a run, or None if nobody keeps it any more."""
    return _shelf.get(run_id)
