"""Pixels of outlines: polygons, ellipses and lines, for files and layers alike."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.shapes import KINDS, ellipse, vertices_problem
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.settings.text import shown

__all__ = ["draw_lines", "draw_polygons", "draw_shape"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

#: Vertices of an ellipse.
_ELLIPSE = 256


def draw_shape(
    kind: str, vertices: Floats, shape: tuple[int, int], width: float = 1.0, name: str = "a shape"
) -> Mask:
    """Return the pixels (H, W) of a shape of napari.

    Parameters
    ----------
    kind : {"ellipse", "line", "path", "polygon", "rectangle"}
        Type of the shape.
    vertices : ndarray, shape (N, 2)
        (y, x) in pixels, as napari has them: the corners of the box of an ellipse.
    shape : (int, int)
        Height and width.
    width : float
        Width of a line or path in pixels.
    name : str
        Name of the shape in a sentence.

    Raises
    ------
    ObservationError
        If the type is unknown, or does not have this number of vertices.
    """
    problem = None
    if kind not in KINDS:
        problem = f"a type must be {', '.join(KINDS[:-1])} or {KINDS[-1]}; got {shown(kind)}."
    problem = problem or vertices_problem(kind, len(vertices))
    if problem:
        raise ObservationError(f"{name}: {problem}")
    if kind in ("line", "path"):
        return draw_lines([vertices], shape, width)
    return draw_polygons([[ellipse(vertices, _ELLIPSE) if kind == "ellipse" else vertices]], shape)


def draw_polygons(polygons: Sequence[Sequence[Floats]], shape: tuple[int, int]) -> Mask:
    """Return the pixels (H, W) whose centres lie in polygons.

    Each polygon has the vertices (y, x) in pixels, (N, 2), of its outer ring and of its holes.
    """
    geometries = [
        {"type": "Polygon", "coordinates": [np.vstack([r, r[:1]])[:, ::-1].tolist() for r in rings]}
        for rings in polygons
    ]
    return _rasterised(geometries, shape, touched=False)


def draw_lines(lines: Sequence[Floats], shape: tuple[int, int], width: float = 1.0) -> Mask:
    """Return the pixels (H, W) of lines of vertices (y, x) in pixels, (N, 2).

    They are all pixels that a line touches, which have no gap along rows and columns, and those
    whose centres lie within half of its width.
    """
    geometries = [{"type": "LineString", "coordinates": line[:, ::-1].tolist()} for line in lines]
    found = _rasterised(geometries, shape, touched=True)
    if width <= 1:
        return found
    reach = width / 2
    for start, end in itertools.chain.from_iterable(map(itertools.pairwise, lines)):
        low = np.clip(np.floor(np.minimum(start, end) - reach), 0, shape).astype(int)
        high = np.clip(np.ceil(np.maximum(start, end) + reach) + 1, 0, shape).astype(int)
        part = (slice(low[0], high[0]), slice(low[1], high[1]))
        where = np.moveaxis(np.mgrid[part], 0, -1) - start
        way = end - start
        share = np.clip(where @ way / max(float(way @ way), 1e-12), 0.0, 1.0)
        found[part] |= np.linalg.norm(where - share[..., None] * way, axis=-1) <= reach
    return found


def _rasterised(geometries: Sequence[object], shape: tuple[int, int], *, touched: bool) -> Mask:
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    mask = np.zeros(shape, np.uint8)
    if geometries:
        # The centre of the first pixel is (0, 0), its corner (-0.5, -0.5).
        grid = Affine.translation(-0.5, -0.5)
        rasterize(geometries, out=mask, transform=grid, all_touched=touched, default_value=1)
    return mask.astype(bool)
