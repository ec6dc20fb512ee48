"""The image of a file that a name chooses: ``FILE``, ``FILE:3``, ``FILE:t=3,z=0``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from napari_latentdyn.core.observations.images.model import Stack
from napari_latentdyn.errors import ImageFileError
from napari_latentdyn.files.paths import absolute, exists

__all__ = ["Selection", "axis_words", "parse_source", "select"]

_PICKED = re.compile(r"^(?P<path>.+):(?P<what>[^:/\\]+)$", re.DOTALL)
_NAMES = {"T": "time", "Z": "depth", "P": "position", "I": "image", "C": "channel"}
#: Axes over which an index without a name may run.
_NUMBERED = ("T", "I")


@dataclass(frozen=True)
class Selection:
    """A file and a choice of its images.

    `index` has no axis; `named` has indices by axis in lower case; `variable` is one of a data set.
    """

    path: Path
    index: int | None = None
    named: dict[str, int] = field(default_factory=dict)
    variable: str | None = None


def parse_source(source: str) -> Selection:
    """Split a name into the file and the choice of its images."""
    absolute(source, ImageFileError)
    picked = _PICKED.match(source)
    # A file may have such a name, and a drive of Windows ends in a colon.
    if picked is None or exists(source):
        return Selection(Path(source))
    path, index, named, variable = Path(picked["path"]), None, {}, None
    for part in picked["what"].split(","):
        key, equals, value = (text.strip() for text in part.partition("="))
        if equals and re.fullmatch(r"-?\d{1,9}", value) and key:
            named[key.lower()] = int(value)
        elif not equals and re.fullmatch(r"-?\d{1,9}", key) and index is None:
            index = int(key)
        elif not equals and key and variable is None and exists(path):
            variable = key
        else:
            return Selection(Path(source))
    return Selection(path, index, named, variable)


def axis_words(stack: Stack) -> str:
    """Return the axes of a stack in words, such as ``time (t, 3), depth (z, 5)``."""
    return ", ".join(
        f"{_NAMES.get(name, name)} ({name.lower()}, {size})" for name, size in stack.sizes.items()
    )


def select(stack: Stack, chosen: Selection, *, all_times: bool = False) -> tuple[Stack, str]:
    """Return the chosen part of a stack and its label; `all_times` lets one leading axis stay."""
    numbered = bool(stack.leading)
    stack = stack.squeezed()
    path, sizes = chosen.path, stack.sizes
    channels = stack.data.shape[stack.axes.index("C")] if "C" in stack.axes else 1
    places: dict[str, int] = {}
    for key, place in chosen.named.items():
        every = sizes | ({"C": channels} if channels > 1 else {})
        name = next((n for n in every if key in (n.lower(), _NAMES.get(n, n))), None)
        if name is None:
            if place in (0, -1) and key in ("t", "z", "p", "i", "c", *_NAMES.values()):
                continue
            known = axis_words(stack)
            if channels > 1:
                known += f"{', ' if known else ''}channel (c, {channels})"
            raise ImageFileError(
                f"{path} has no axis '{key[:40]}'; its axes that number images are: "
                f"{known or 'none except rows and columns'}."
            )
        places[name] = _checked(path, place, every[name], name)
    rest = [name for name in sizes if name not in places]
    if chosen.index is not None:
        if len(rest) == 1 and rest[0] in _NUMBERED:
            places[rest[0]] = _checked(path, chosen.index, sizes[rest[0]], rest[0])
            rest = []
        elif rest:
            raise ImageFileError(
                f"{path} has the axes {axis_words(stack)}: an index without a name runs over "
                f"time alone; name the axes, such as {path}:{_example(rest)}."
            )
        elif channels > 1 and not stack.rgb and (not numbered or chosen.index not in (0, -1)):
            raise ImageFileError(
                f"{path} holds one image of {channels} channels: choose one by its name, such as "
                f"{path}:c=0, or the whole image and --channel 0."
            )
        else:
            _checked(path, chosen.index, 1, "I")
    elif rest and not (all_times and len(rest) == 1):
        if len(rest) == 1 and rest[0] in _NUMBERED:
            count = sizes[rest[0]]
            raise ImageFileError(
                f"{path} holds {count} images: choose one, such as {path}:0 for the first or "
                f"{path}:-1 for the last."
            )
        raise ImageFileError(
            f"{path} has the axes {axis_words(stack)}: choose one image, such as "
            f"{path}:{_example(rest)}."
        )
    return stack.select(places), _label(places, sizes)


def _label(places: dict[str, int], sizes: dict[str, int]) -> str:
    if not places:
        return ""
    if list(places) == list(sizes) and len(places) == 1 and next(iter(places)) in _NUMBERED:
        return f":{next(iter(places.values()))}"
    return ":" + ",".join(f"{name.lower()}={place}" for name, place in places.items())


def _example(names: list[str]) -> str:
    return ",".join(f"{name.lower()}=0" for name in names)


def _checked(path: Path, place: int, size: int, name: str) -> int:
    if not -size <= place < size:
        what = "image" if name in _NUMBERED else f"{_NAMES.get(name, name)}"
        raise ImageFileError(f"{path} has no {what} {place}: it holds {size}, counted from 0.")
    return place % size
