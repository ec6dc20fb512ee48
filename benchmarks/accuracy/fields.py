"""How far a motion is from the true one, in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FieldTruth", "field_error", "read_field_truth", "total_displacement"]


@dataclass(frozen=True)
class FieldTruth:
    """The true motion of a sequence.

    Attributes
    ----------
    displacement : ndarray of float32, shape (2, H, W)
        How far each pixel of the first image moves, rows first.
    counted : ndarray of bool, shape (H, W)
        False where something opens at any time, and motion is a convention.
    land : ndarray of bool, shape (H, W), or None
        What stays where it is, beside something that moves.
    """

    displacement: NDArray[np.float32]
    counted: NDArray[np.bool_]
    land: NDArray[np.bool_] | None = None


def read_field_truth(folder: Path, name: str, shape: tuple[int, ...]) -> FieldTruth | None:
    """Read what is known of the motion of a sequence; None if nothing is.

    Parameters
    ----------
    folder : Path
        Holds `NAME_flow_total.npz`, and perhaps `NAME_gapmask.npz` and
        `NAME_landmask.npz`.
    name : str
        The sequence.
    shape : (int, int)
        Height and width of its frames.
    """
    total = _array(folder / f"{name}_flow_total.npz")
    if total is None:
        return None
    gaps = _array(folder / f"{name}_gapmask.npz")
    land = _array(folder / f"{name}_landmask.npz")
    counted = np.ones(shape, bool)
    if gaps is not None:
        counted = ~gaps.astype(bool).reshape(-1, *shape).any(axis=0)
    if land is not None:
        land = land.astype(bool).reshape(-1, *shape)[0]
    return FieldTruth(total.astype(np.float32), counted, land)


def field_error(displacement: NDArray[np.floating], truth: FieldTruth) -> dict[str, float]:
    """Compare a displacement of the first image's pixels with the true one.

    Parameters
    ----------
    displacement : ndarray, shape (2, H, W)
        Rows first.
    truth : FieldTruth
        The true one.

    Returns
    -------
    dict of str to float
        "mean" and "median" of the end-point error in pixels; where land is
        known, its mean on "land" and on the "rest".
    """
    error = np.hypot(*(np.asarray(displacement, np.float64) - truth.displacement))
    result = {
        "mean": float(error[truth.counted].mean()),
        "median": float(np.median(error[truth.counted])),
    }
    if truth.land is not None:
        result["land"] = float(error[truth.counted & truth.land].mean())
        result["rest"] = float(error[truth.counted & ~truth.land].mean())
    return result


def total_displacement(fields: NDArray[np.float32], physics: Any) -> NDArray[np.float32]:
    """Follow the pixels of the first image through all stages.

    Parameters
    ----------
    fields : ndarray of float32, shape (n, 2, H, W)
        Velocity of each stage in pixels per stage.
    physics : PhysicsSettings
        How the equation is solved.

    Returns
    -------
    ndarray of float32, shape (2, H, W)
    """
    import torch

    from napari_latentdyn.core.physics.characteristics import Characteristics
    from napari_latentdyn.core.physics.sampling import pixel_grid

    stages = torch.from_numpy(np.ascontiguousarray(fields, dtype=np.float32))[None]
    grid = pixel_grid(*stages.shape[-2:])
    with torch.no_grad():
        moved = Characteristics(physics.departure).trace(1, stages, grid, 0.0) - grid
    return np.asarray(moved[0].numpy(), dtype=np.float32)


def _array(path: Path) -> NDArray[Any] | None:
    if not path.exists():
        return None
    with np.load(path) as arrays:
        return np.asarray(arrays["arr_0"])
