"""Shapes as napari has them: their types, numbers of vertices, and outlines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "ellipse", "vertices_problem"]

KINDS = ("ellipse", "line", "path", "polygon", "rectangle")
#: Smallest and largest number of vertices; four unless named.
_COUNTS = {"line": (2, 2), "path": (2, None), "polygon": (3, None)}


def vertices_problem(kind: str, count: int) -> str | None:
    """Return a sentence if a shape of a type in `KINDS` cannot have this number of vertices."""
    least, most = _COUNTS.get(kind, (4, 4))
    if count < least or (most is not None and count > most):
        wanted = f"{least}" if most else f"{least} or more"
        return f"a {kind} must have {wanted} vertices; got {count}."
    return None


def ellipse(corners: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return points on the ellipse in a box of four corners in order, shape (count, 2)."""
    # Two neighbours of a corner give the half axes.
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    angle = np.linspace(0.0, 2 * np.pi, count, endpoint=False)[:, None]
    centre = corners.mean(axis=0)
    return np.asarray(centre + np.cos(angle) * across / 2 + np.sin(angle) * down / 2)
