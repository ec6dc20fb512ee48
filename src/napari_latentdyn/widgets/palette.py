"""Colours of the views beyond napari's style sheet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["DARK", "LIGHT", "TERMS", "Palette", "palette_of"]

# The terms of the loss (HLG equation 9) in the order of the legend, with their names.
TERMS = {
    "total": "total",
    "match": "match",
    "autoencoding": "auto-encoding",
    "space": "space",
    "time": "time",
}


@dataclass(frozen=True)
class Palette:
    """Colours of a theme; `dim` is for less important texts.

    `error` and `warning` are readable on the background, unlike those of napari's themes. The
    colours of the terms of the loss, `curves`, are distinguishable with colour blindness.
    """

    background: str
    text: str
    dim: str
    error: str
    warning: str
    curves: dict[str, str] = field(default_factory=dict)

    def on(self, background: str, text: str) -> Palette:
        """Return these colours for a theme's own background and text."""
        return Palette(background, text, self.dim, self.error, self.warning, self.curves)


DARK = Palette(
    background="#23242b",
    text="#f0f1f2",
    dim="#a5a8b0",
    error="#ff8a80",
    warning="#f2c14e",
    curves=dict(zip(TERMS, ("#f0f1f2", "#56b4e9", "#e69f00", "#2fc79a", "#e88fc0"), strict=True)),
)
LIGHT = Palette(
    background="#ebe7e6",
    text="#1e1e21",
    dim="#5f5f63",
    error="#b00020",
    warning="#805600",
    curves=dict(zip(TERMS, ("#1e1e21", "#0067a8", "#b35900", "#00785a", "#a8488a"), strict=True)),
)


def palette_of(viewer: Viewer) -> Palette:
    """Return the colours for the theme of a viewer."""
    from napari.utils.theme import get_theme

    theme = get_theme(viewer.theme)
    colours = LIGHT if theme.type == "light" else DARK
    return colours.on(theme.background.as_hex(), theme.text.as_hex())
