"""Weak cache of the results of this process, by run id."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["RESULTS"]

RESULTS: WeakValueDictionary[str, Dynamics] = WeakValueDictionary()
