"""Texts of durations, amounts of memory and names; changes of presets."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from math import ceil, floor, inf
from typing import TYPE_CHECKING

from napari_latentdyn.errors import UserError, is_out_of_memory, no_memory
from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.presets import PRESETS

if TYPE_CHECKING:
    from napari_latentdyn.viewer.snapshot import Snapshot

__all__ = [
    "amount",
    "common_name",
    "describe",
    "duration",
    "preset_of",
    "run_title",
    "scene_name",
    "sentence",
    "time_span",
    "titles",
    "with_preset",
]

_JOIN = "\u00a0"
_LONGEST_NAME = 40
# Settings of the images and the computer, which presets do not change.
_KEPT = (
    "images.channel",
    "images.missing_value",
    "images.interval",
    "images.interval_unit",
    "training.device",
    "training.threads",
    "training.seed",
    "output.frames",
    "output.times",
    "output.arrow_spacing",
    "output.hide_doubtful",
    "output.latents",
    "output.confidence",
    "output.preview",
    "output.keep_previous",
)


def with_preset(settings: Settings, name: str) -> Settings:
    """Return a preset with the settings of images and computer that the user chose."""
    return Settings.preset(name).updated({kept: settings.get(kept) for kept in _KEPT})


def preset_of(settings: Settings) -> str:
    """Return the name of the preset that the settings equal, or ``""``."""
    for name in PRESETS:
        if with_preset(settings, name) == settings:
            return name
    return ""


def duration(seconds: float) -> str:
    """Return a duration such as ``"1 min 20 s"``, with no-break spaces."""
    whole = max(0, round(seconds))
    minutes = round(seconds / 60)
    if whole < 60:
        text = f"{whole} s"
    elif whole < 600:
        text = f"{whole // 60} min {whole % 60:02d} s"
    elif minutes < 120:
        text = f"{minutes} min"
    else:
        text = f"{minutes // 60} h {minutes % 60:02d} min"
    return text.replace(" ", _JOIN)


def time_span(least: float, longest: float) -> str:
    """Return a range of durations such as ``"2 to 4 min"``, rounded outwards."""
    if longest < 1:
        return f"under 1{_JOIN}s"
    low, high = (_rounded(seconds, whole) for seconds, whole in ((least, floor), (longest, ceil)))
    if low == high:
        return f"about {_JOIN.join(high)}"
    if low[0] == "0":
        return f"up to {_JOIN.join(high)}"
    first = low[0] if low[1] == high[1] else _JOIN.join(low)
    return f"{first} to {_JOIN.join(high)}"


def _rounded(seconds: float, whole: Callable[[float], int]) -> tuple[str, str]:
    """Return a rounded number and its unit."""
    units = (("s", 1.0, 90.0), ("min", 60.0, 5400.0), ("h", 3600.0, inf))
    unit, size, _ = next(known for known in units if seconds <= known[2])
    number = seconds / size
    step = 0.5 if unit != "s" and number <= 4 else 1 if number <= 12 else 5
    return f"{step * whole(number / step):g}", unit


def amount(size: float) -> str:
    """Return a number of bytes such as ``"1.4 GB"``."""
    if size < 0.95e9:
        return f"{max(1, round(size / 1e6))}{_JOIN}MB"
    return f"{size / 1e9:.1f}{_JOIN}GB" if size < 1e10 else f"{size / 1e9:.0f}{_JOIN}GB"


def common_name(first: str, last: str) -> str:
    """Return the common beginning of two names, or the first name if it is too short."""
    pairs = zip(first, last, strict=False)
    shared = "".join(a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    if shared not in (first, last):
        # Keep words and dates whole: "ice 2020-03-01" and "ice 2020-03-02" share "ice".
        cut = max(shared.rfind(" "), shared.rfind("_"))
        shared = shared[:cut] if cut > 0 else shared.rstrip("0123456789")
    shared = shared.rstrip(" _-.,:;([#")
    return shared if len(shared) > 2 else first


def scene_name(first: Snapshot, last: Snapshot) -> str:
    """Return a name for two images; frames of one stack are counted from 1."""
    if first.layer_id != last.layer_id:
        return common_name(first.name, last.name)
    moved = [f"{a + 1}–{b + 1}" for a, b in zip(first.index, last.index, strict=True) if a != b]
    return " ".join([first.name, *moved])


def titles(first: Snapshot, last: Snapshot) -> tuple[str, str]:
    """Return names of two images for sentences: layers, or frames of one layer."""
    if first.layer_id != last.layer_id:
        return first.name, last.name
    one, other = (
        f"{image.name} (frame {', '.join(str(number + 1) for number in image.index)})"
        for image in (first, last)
    )
    return one, other


def run_title(kind: str, first: Snapshot, last: Snapshot) -> str:
    """Return a name for a run or its result, such as "the training of a → b"."""
    one, other = (
        name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        for name in titles(first, last)
    )
    return f"the {kind} of {one} → {other}"


def sentence(text: str) -> str:
    """Return a message with a capital letter and a full stop.

    The dotted name of a setting at the beginning stays.
    """
    text = text.strip()
    if not text:
        return text
    if "." not in text.split(maxsplit=1)[0].rstrip(".…"):
        text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?…" else f"{text}."


def describe(error: Exception, what: str) -> str:
    """Return a sentence on any error, without its traceback, which may keep much memory."""
    if isinstance(error, UserError):
        return str(error)
    if is_out_of_memory(error):
        return sentence(str(no_memory(task="for these settings")))
    text = " ".join(str(error).split())
    first = text.split(". ")[0].rstrip(".") or "no reason was given"
    if len(first) > 200:
        first = first[:199] + "…"
    return f"{what} with {type(error).__name__}: {first}."
