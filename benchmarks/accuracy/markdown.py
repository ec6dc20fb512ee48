"""Tables in Markdown, and their place in a page."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["BEGIN", "END", "number", "splice", "table"]

BEGIN = "<!-- tables -->"
END = "<!-- /tables -->"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose columns but the first are aligned to the right."""
    rules = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rules, *rows))


def number(value: float | None, digits: int, sign: bool = False) -> str:
    """Return a number for a cell; what is not there is empty."""
    if value is None:
        return ""
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    return text.replace("-", "−")


def splice(page: str, text: str) -> str:
    """Return a page with what stands between its two markers replaced.

    Raises
    ------
    ValueError
        If the page lacks the markers, or has them in another order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}"
