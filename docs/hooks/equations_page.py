"""Write the page of equations from their registry when the pages are built."""

from __future__ import annotations

from typing import Any

from napari_latentdyn.equations import EQUATIONS
from napari_latentdyn.settings import Settings

_MARKER = "<!-- equations -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marker by the description of every equation."""
    return markdown.replace(_MARKER, equations_markdown()) if _MARKER in markdown else markdown


def equations_markdown() -> str:
    """Return every equation as Markdown."""
    default = Settings().physics.equation
    lines = []
    for name, equation in EQUATIONS.items():
        title = equation.title[0].upper() + equation.title[1:]
        lines += [
            f"## {title} {{ #{name} }}",
            "",
            f"`--equation {name}`" + (" (default)" if name == default else ""),
            "",
            f"$$ {equation.formula} $$",
            "",
            f"**Conserves** {equation.conserves}.",
            "",
            f"**When to choose it.** {equation.choose}",
            "",
        ]
    return "\n".join(lines)
