"""Slices that are found without working out anew where their layer lies."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

__all__ = ["forget_place", "keep_place"]

_NAMES = ("_slice_input", "_units", "data_slice", "layer")
_MARK = "_keeps_place"
#: More than anybody's slider has steps, and still small.
_SLICES = 4096


def keep_place(layer: Any) -> None:
    """Let a layer keep the transform from the world to its data between two slices.

    Parameters
    ----------
    layer : napari.layers.Layer
        The layer; one that is sliced in another way is left as it is.
    """
    state = getattr(layer, "_slicing_state", None)
    if _scaled() is None or hasattr(state, _MARK):
        return
    if all(hasattr(state, name) for name in _NAMES) and hasattr(layer, "_transforms"):
        state.__class__ = _placed(state.__class__)  # type: ignore[arg-type]


def forget_place(layer: Any, unless_there: bool = False) -> None:
    """Work the transform out at the next slice.

    Parameters
    ----------
    layer : napari.layers.Layer
        The layer.
    unless_there : bool
        Keep it if the layer still lies where it did, as when its units alone are
        others: napari slices at once then, before the world has the new units too,
        and would find nothing there.
    """
    known = vars(layer._slicing_state).get("_place")  # noqa: SLF001
    if known is None:
        return
    if unless_there and np.array_equal(layer._data_to_world.affine_matrix, known[3]):  # noqa: SLF001
        return
    del vars(layer._slicing_state)["_place"]  # noqa: SLF001


@functools.cache
def _placed(kind: Any) -> Any:
    # A property cannot be replaced on one object alone: its slicing gets a class of its own.
    def data_slice(state: Any) -> Any:
        asked = state._slice_input  # noqa: SLF001
        if not asked.not_displayed:
            return kind.data_slice.fget(state)
        chain, units = state.layer._transforms, state._units  # noqa: SLF001
        known = vars(state).get("_place")
        if known is None or known[0] is not chain or known[1] != units:
            place = state.layer._data_to_world  # noqa: SLF001
            inverse = _scaled()(place.inverse, units)
            known = (chain, units, inverse, place.affine_matrix.copy(), {})
            vars(state)["_place"] = known
        return _slice_at(asked, known[2], known[4])

    # Python gives an object another class only if both are laid out alike.
    own = {"data_slice": property(data_slice), _MARK: True}
    return type(kind.__name__, (kind,), own)


def _slice_at(asked: Any, place: Any, found: dict[Any, Any]) -> Any:
    known = found.get(asked)
    if known is None:
        known = asked.data_slice(world_to_data=place)
        # napari warns at each slice that cannot be cut as it should be.
        if asked.is_orthogonal(place):
            if len(found) >= _SLICES:
                found.clear()
            found[asked] = known
    return known


@functools.cache
def _scaled() -> Any:
    try:
        from napari.layers.utils._slice_input import apply_units_to_transform
    except ImportError:
        return None
    return apply_units_to_transform
