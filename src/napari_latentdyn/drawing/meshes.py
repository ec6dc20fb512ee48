"""Meshes whose shader is compiled once."""

from __future__ import annotations

from typing import Any

__all__ = ["keep_shader"]


def keep_shader(node: Any) -> None:
    """Let a mesh of vispy keep its colour function.

    vispy builds an equal one whenever the data of a mesh change, and so has the
    shader compiled anew.

    Parameters
    ----------
    node : vispy.scene.visuals.Mesh
        The mesh; anything else is left as it is.
    """
    build = getattr(node, "_build_color_transform", None)
    if build is None or isinstance(build, _Kept):
        return
    # Nodes of vispy refuse new attributes otherwise.
    node.unfreeze()
    node._build_color_transform = _Kept(build)  # noqa: SLF001
    node.freeze()


class _Kept:
    """What a method of a mesh returned for colours of the same number of axes and channels."""

    def __init__(self, build: Any) -> None:
        self._build = build
        self._made: dict[tuple[int, int], Any] = {}

    def __call__(self, colors: Any) -> Any:
        if colors.shape[-1] == 1:
            # Values with a colour map, whose limits may have changed.
            return self._build(colors)
        key = (colors.ndim, colors.shape[-1])
        if key not in self._made:
            self._made[key] = self._build(colors)
        return self._made[key]
