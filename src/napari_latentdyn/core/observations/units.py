"""Names of units from files and reports, through pint."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

__all__ = ["known_units", "parse_unit"]

_LONGEST = 100
_NAME = r"[^\W\d][\w%°]*(?:\s*(?:\*\*|\^)\s*-?\d{1,2})?"
#: Products and quotients of named units: pint computes whatever a text says, and powers of powers
#: take for ever.
_PRODUCT = re.compile(rf"\s*(?:1\s*/\s*)?(?:{_NAME}|[%°])(?:\s*[*/]\s*{_NAME})*\s*")


@functools.lru_cache(maxsize=1000)
def parse_unit(name: str) -> Any:
    """Return a unit of pint, or None if there is none of this name.

    Parameters
    ----------
    name : str
        Such as ``meter`` or ``meter / second ** 2``. Numbers other than small powers
        are not accepted.
    """
    import pint

    if len(name) > _LONGEST or not _PRODUCT.fullmatch(name):
        return None
    # pint raises errors of many kinds for text that is no unit.
    try:
        return pint.get_application_registry().Unit(name)  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001
        return None


def known_units(units: Sequence[str]) -> tuple[str, ...]:
    """Return names of units, with "pixel" in place of those that pint does not know."""
    return tuple(str(unit) if parse_unit(str(unit)) is not None else "pixel" for unit in units)
