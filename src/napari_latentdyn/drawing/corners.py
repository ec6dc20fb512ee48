"""Where the corners of the canvas lie, worked out once for each place of the camera."""

from __future__ import annotations

import weakref
from typing import Any

__all__ = ["keep_corners"]

_METHOD = "_map_canvas2world"


def keep_corners(canvas: Any) -> None:
    """Multiply the transforms of the canvas only when one of them is another.

    napari asks at each drawing where the corners of the canvas lie, and vispy
    builds five matrices and their inverse for the answer.

    Parameters
    ----------
    canvas : VispyCanvas
        The canvas of napari; one that maps positions in another way is left as it is.
    """
    if hasattr(type(canvas), _METHOD) and _METHOD not in vars(canvas):
        vars(canvas)[_METHOD] = _Kept(canvas)


class _Kept:
    """Maps positions as the canvas does, through transforms that it keeps."""

    def __init__(self, canvas: Any) -> None:
        # The canvas holds this.
        self._canvas = weakref.ref(canvas)
        self._known: tuple[Any, Any] | None = None

    def __call__(self, position: Any, view: Any) -> Any:
        canvas = self._canvas()
        if canvas is None:
            return None
        values = (_values(view.transform), _values(view.scene.transform))
        if None not in values:
            if self._known is None or self._known[0] != values:
                self._known = values, view.transform * view.scene.transform
            view = _View(view, self._known[1])
        return getattr(type(canvas), _METHOD)(canvas, position, view)


class _View:
    """A view whose transform, times that of its scene, is known."""

    def __init__(self, view: Any, product: Any) -> None:
        self._view = view
        self.transform = _Factor(product)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)


class _Factor:
    def __init__(self, product: Any) -> None:
        self._product = product

    def __mul__(self, _: Any) -> Any:
        return self._product


def _values(transform: Any) -> tuple[bytes, ...] | None:
    """Return what makes two transforms equal, None for those of other kinds."""
    from vispy.visuals.transforms import MatrixTransform, STTransform

    # Their subclasses may map in another way.
    if type(transform) is STTransform:
        return transform.scale.tobytes(), transform.translate.tobytes()
    if type(transform) is MatrixTransform:
        return (transform.matrix.tobytes(),)
    return None
