"""Small texts: durations, amounts of memory, names; and what a preset changes."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from math import ceil, floor, inf
from typing import TYPE_CHECKING, Any

from napari_latentdyn.core.dynamics.arrows import scale_note
from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.presets import PRESETS

if TYPE_CHECKING:
    from napari_latentdyn.viewer.snapshot import Snapshot

__all__ = [
    "amount",
    "arrow_summary",
    "common_name",
    "duration",
    "learning_key",
    "preset_of",
    "preview_summary",
    "run_title",
    "scene_name",
    "sentence",
    "summary",
    "time_span",
    "titles",
    "with_preset",
]

_JOIN = "\u00a0"
_LONGEST_NAME = 40
# A preset says how to learn; what the user said of the images and the computer stays.
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
# Another value of these does not make what was learned worthless.
_CONTINUABLE = {
    "training": {"steps", "stop_early", "device", "threads"},
    "images": {"interval", "interval_unit"},
}


def with_preset(settings: Settings, name: str) -> Settings:
    """Return the settings of a preset, with what the user said of images and computer."""
    return _preset(name).updated({kept: settings.get(kept) for kept in _KEPT})


def preset_of(settings: Settings) -> str:
    """Return the name of the preset that the settings are, or ``""``."""
    for name in PRESETS:
        if with_preset(settings, name) == settings:
            return name
    return ""


@functools.cache
def _preset(name: str) -> Settings:
    return Settings.preset(name)


def learning_key(settings: Settings) -> dict[str, Any]:
    """Return what has to be the same for a training to go on from an earlier one."""
    data = settings.model_dump(exclude={"output"})
    return {
        group: {
            field: value
            for field, value in values.items()
            if field not in _CONTINUABLE.get(group, set())
        }
        for group, values in data.items()
    }


def duration(seconds: float) -> str:
    """Return a duration as a person says it: ``"1 min 20 s"``.

    Numbers and units are held together by no-break spaces.
    """
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
    """Return an interval of durations as a person says it: ``"2 to 4 min"``.

    Both are rounded outwards, so that what lies in between stays in between.
    """
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
    """Return a number of bytes as a person says it: ``"1.4 GB"``."""
    if size < 0.95e9:
        return f"{max(1, round(size / 1e6))}{_JOIN}MB"
    return f"{size / 1e9:.1f}{_JOIN}GB" if size < 1e10 else f"{size / 1e9:.0f}{_JOIN}GB"


def common_name(first: str, last: str) -> str:
    """Return what two names of layers share, or the first one if that says too little."""
    pairs = zip(first, last, strict=False)
    shared = "".join(a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    if shared not in (first, last):
        # Do not cut a word or a date in two: "ice 2020-03-01" and "ice 2020-03-02" share "ice".
        cut = max(shared.rfind(" "), shared.rfind("_"))
        shared = shared[:cut] if cut > 0 else shared.rstrip("0123456789")
    shared = shared.rstrip(" _-.,:;([#")
    return shared if len(shared) > 2 else first


def scene_name(first: Snapshot, last: Snapshot) -> str:
    """Return what to call the scene of two images; of one stack with the frames, from 1."""
    if first.layer_id != last.layer_id:
        return common_name(first.name, last.name)
    moved = [f"{a + 1}–{b + 1}" for a, b in zip(first.index, last.index, strict=True) if a != b]
    return " ".join([first.name, *moved])


def titles(first: Snapshot, last: Snapshot) -> tuple[str, str]:
    """Return what to call two images in sentences: the layers, or the frames of one layer."""
    if first.layer_id != last.layer_id:
        return first.name, last.name
    one, other = (
        f"{image.name} (frame {', '.join(str(number + 1) for number in image.index)})"
        for image in (first, last)
    )
    return one, other


def run_title(kind: str, first: Snapshot, last: Snapshot) -> str:
    """Return what to call a run or its result, such as "the training of a → b"."""
    one, other = (
        name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        for name in titles(first, last)
    )
    return f"the {kind} of {one} → {other}"


def sentence(text: str) -> str:
    """Return a message with a capital letter and a full stop.

    The dotted name of a setting, with which some begin, stays as it is.
    """
    text = text.strip()
    if not text:
        return text
    if "." not in text.split(maxsplit=1)[0].rstrip(".…"):
        text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?…" else f"{text}."


def summary(
    done: int,
    planned: int,
    seconds: float,
    *,
    shown: bool,
    restarted: bool,
    can_continue: bool,
    converged: bool = False,
    effect: str = "",
) -> str:
    """Return what a training ended with, in one or two sentences.

    Parameters
    ----------
    done, planned : int
        Optimiser steps.
    seconds : float
        Time that they took.
    shown : bool
        Whether there are frames.
    restarted : bool
        Whether it was to continue, but the images had changed.
    can_continue : bool
        Whether there is a checkpoint.
    converged : bool
        Whether training ended because it no longer improved anything.
    effect : str
        What training did, in a sentence.
    """
    if not planned:
        then = "Move the time slider, or save." if shown else "The frames were left out."
        return f"Done without training in {_short(seconds)}. {then}"
    change = " The images changed, so training restarted." if restarted else ""
    change += f" {effect}" if effect else ""
    if converged:
        then = "Move the time slider, or save." if shown else "The frames were left out."
        return (
            f"Done: {done} of {planned} steps in {duration(seconds)}; the hidden blocks no longer "
            f"agreed better.{change} {then}"
        )
    if done >= planned:
        then = "Move the time slider, or save." if shown else "The frames were left out."
        return f"Done: {done} steps in {duration(seconds)}.{change} {then}"
    then = "The result so far is shown" if shown else "The frames were left out"
    more = "; press Continue to resume" if can_continue else ""
    return f"Stopped after {done} of {planned} steps.{change} {then}{more}."


def preview_summary(seconds: float, *, trained: bool, button: str = "Train") -> str:
    """Return what a preview ended with, and what to do next.

    Parameters
    ----------
    seconds : float
        Time that it took.
    trained : bool
        Whether there is a training of the same images to go on from.
    button : str
        Text of the button that starts a run with the settings chosen.
    """
    then = (
        "The last training is kept until you train again."
        if trained
        else f"Press {button} to refine it."
    )
    return f"Preview ready ({_short(seconds)}). {then}"


def arrow_summary(length: float, hidden: float) -> str:
    """Return how arrows are drawn, as a sentence that follows others.

    Parameters
    ----------
    length : float
        Factor by which they are longer than the motion of one stage.
    hidden : float
        Part of them that is not drawn.
    """
    note = scale_note(length)
    why = ""
    if hidden > 0:
        share = "some" if hidden < 0.005 else f"{round(100 * hidden)} %"
        why = f"; {share} hidden where nothing shows the motion"
    return f" {note[0].upper()}{note[1:]}{why}."


def _short(seconds: float) -> str:
    return f"{seconds:.1f}{_JOIN}s" if seconds < 9.95 else duration(seconds)
