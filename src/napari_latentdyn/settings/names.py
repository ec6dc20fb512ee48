"""Short names of settings for Python."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings.base import unknown

__all__ = ["full_name", "full_names"]


def full_name(name: str) -> str:
    """Return the dotted name of a setting.

    `name` is dotted (``training.steps``), has two underscores for the dot (``training__steps``), or
    is the last part alone where only one setting has it (``steps``).
    """
    from napari_latentdyn.settings import iter_fields

    known = [known for known, _ in iter_fields()]
    dotted = name.replace("__", ".")
    if dotted in known:
        return dotted
    meant = [full for full in known if full.partition(".")[2] == name]
    if len(meant) > 1:
        raise SettingsError(f"'{name}' can be {' or '.join(meant)}: give the whole name.")
    if not meant:
        # A last part that is misspelt is nearer to another last part than to any whole name.
        last = [full.partition(".")[2] for full in known] if "." not in dotted else []
        near = difflib.get_close_matches(name, last, n=1)
        raise SettingsError(unknown(name, near) if near else unknown(dotted, known))
    return meant[0]


def full_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by dotted name; each name is resolved by `full_name` and given once."""
    named: dict[str, Any] = {}
    spelt: dict[str, str] = {}
    for name, value in settings.items():
        full = full_name(name)
        if full in named:
            raise SettingsError(
                f"{full} is given twice, as '{spelt[full]}' and as '{name}': give it once."
            )
        named[full], spelt[full] = value, name
    return named
