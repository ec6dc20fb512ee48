"""Command-line flags of the settings, generated from the description of the settings."""

from __future__ import annotations

import argparse
import typing
from collections.abc import Collection, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.cli.known import take_known
from napari_latentdyn.errors import SettingsError
from napari_latentdyn.files.paths import input_folder
from napari_latentdyn.settings import Settings, iter_fields, parse_value
from napari_latentdyn.settings.presets import PRESETS
from napari_latentdyn.settings.run import STARTS
from napari_latentdyn.settings.text import shorten, shown

__all__ = ["add_setting_flags", "default_text", "flag_of", "settings_from", "take_times"]

_DEST = "setting:"
#: Flags that are not simply the name of the setting.
_NAMES = {"patches.size": "--patch-size", "training.from_series": "--learn-from-series"}
#: Settings of layers and of the window, which a run without a window seldom needs.
_WINDOW_ONLY = {
    "output.arrow_spacing",
    "output.hide_doubtful",
    "output.confidence",
    "output.keep_previous",
    "output.latents",
    "output.preview",
}
#: Two settings of the frames: a later layer with one of them resets the other.
_EXCLUDING = {"output.frames": "output.times", "output.times": "output.frames"}


def flag_of(name: str) -> str | None:
    """Return the flag of a setting, or None where only ``--set`` reaches it."""
    if name in _WINDOW_ONLY:
        return None
    return _NAMES.get(name, "--" + name.partition(".")[2].replace("_", "-"))


def add_setting_flags(
    parser: argparse.ArgumentParser,
    *,
    presets: Sequence[str] = tuple(PRESETS),
    preset: str = "standard",
    only: Collection[str] | None = None,
) -> None:
    """Add flags for settings, `--set`, and with `presets` `--preset` and `--settings`.

    `preset` is the one that is used without `--preset`; `only` are the settings that have a flag,
    by default all.
    """
    general = parser.add_argument_group(
        "Settings",
        "A preset is changed by the settings file, this by the flags, and these by --set.",
    )
    if presets:
        general.add_argument(
            "--preset",
            metavar="P",
            help="; ".join(f"{name}: {PRESETS[name].summary.rstrip('.')}" for name in presets)
            + f" (default: {preset}).",
        )
        general.add_argument(
            "--settings",
            metavar="FILE",
            help="JSON file of settings, such as the settings.json of a run folder.",
        )
    general.add_argument(
        "--set",
        metavar="GROUP.FIELD=VALUE",
        action="append",
        default=[],
        dest="assignments",
        help="Change any setting by its name, e.g. --set model.levels=3; may be repeated.",
    )
    groups = {
        name: parser.add_argument_group(f"Settings: {info.title}")
        for name, info in Settings.model_fields.items()
    }
    defaults = Settings.preset(preset)
    for name, field in iter_fields():
        flag = flag_of(name)
        if flag is None or (only is not None and name not in only):
            continue
        extra = field.json_schema_extra
        unit = f" [{extra['unit']}]" if isinstance(extra, dict) and "unit" in extra else ""
        default = default_text(defaults.get(name))
        text = f"{field.description or field.title}{unit} (default: {default})"
        groups[name.partition(".")[0]].add_argument(
            flag, dest=_DEST + name, help=text.replace("%", "%%"), **_shape_of(field.annotation)
        )


def settings_from(
    arguments: argparse.Namespace,
    base: Settings | None = None,
    given: dict[str, Any] | None = None,
) -> Settings:
    """Return the settings of a run: preset, file, flags, `--set`, each over the one before.

    `base` replaces preset and file; `given` has values known from the images, which the user's
    values override.
    """
    layers = typed = [_from_flags(arguments), _from_assignments(arguments)]
    if base is None:
        base = Settings() if arguments.preset is None else Settings.preset(arguments.preset)
        if arguments.settings is not None:
            take_known(arguments)
            given_groups = Settings.from_json(arguments.settings).model_dump(exclude_unset=True)
            in_file = {
                f"{group}.{name}": value
                for group, values in given_groups.items()
                for name, value in values.items()
            }
            layers = [in_file, *typed]
    changes: dict[str, Any] = dict(given or {})
    for layer in layers:
        for name, value in layer.items():
            other = _EXCLUDING.get(name)
            if other is not None and value is not None and layer.get(other) is None:
                changes[other] = None
            changes[name] = value
    settings = base.updated({**_fitting_stride(base, changes), **changes})
    source = settings.training.start_from
    if source not in STARTS:
        # The settings are written beside the run, and are read from other folders, too.
        settings = settings.updated({"training.start_from": _start(source)})
    if settings.images.interval is None and any("images.interval_unit" in layer for layer in typed):
        raise UsageError(
            "--interval-unit is the unit of the time between the images; give the time with "
            "--interval."
        )
    return settings


def take_times(arguments: argparse.Namespace) -> list[float] | None:
    """Take the times of frames out of the flags, whose unit depends on the images."""
    text = getattr(arguments, f"{_DEST}output.times", None)
    if text is None:
        return None
    setattr(arguments, f"{_DEST}output.times", None)
    return numbers_in(text)


def numbers_in(text: str) -> list[float]:
    """Return the numbers between commas that `--times` gives."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(
            f"--times must be numbers, such as 0.25,0.5; got '{shorten(text)}'."
        ) from None


def fractions_of(asked: Sequence[float], known: NDArray[np.float64]) -> list[float]:
    """Return times in the unit of those of a series, (K,), as fractions of its duration.

    Raises
    ------
    UsageError
        If a time lies outside of the series.
    """
    first, last = float(known[0]), float(known[-1])
    if not asked or not all(first <= time <= last for time in asked):
        raise UsageError(
            f"--times must lie between {first:g} and {last:g}, the times of the first and the "
            f"last image; got {shown(list(asked))}."
        )
    return [(time - first) / (last - first) for time in asked]


def _start(source: str) -> str:
    def problem(sentence: str) -> SettingsError:
        return SettingsError(
            f"{sentence.rstrip('.')}; training.start_from must be prior, scratch, or the folder "
            "of a run."
        )

    return str(input_folder(source, problem, what="the folder of a run").absolute())


def _fitting_stride(base: Settings, changes: dict[str, Any]) -> dict[str, Any]:
    """Halve a patch size that was given alone, where the stride would be larger than it."""
    try:
        size = tuple(int(side) for side in changes["patches.size"])
    except (KeyError, TypeError, ValueError):
        return {}
    if all(stride <= side for stride, side in zip(base.patches.stride, size, strict=False)):
        return {}
    return {"patches.stride": tuple(max(1, side // 2) for side in size)}


def _from_flags(arguments: argparse.Namespace) -> dict[str, Any]:
    changes = {}
    for dest, value in vars(arguments).items():
        if dest.startswith(_DEST) and value is not None:
            name = dest.removeprefix(_DEST)
            text = ", ".join(value) if isinstance(value, list) else value
            changes[name] = parse_value(name, text) if isinstance(text, str) else text
    return changes


def _from_assignments(arguments: argparse.Namespace) -> dict[str, Any]:
    changes = {}
    for assignment in arguments.assignments:
        name, equals, text = (part.strip() for part in assignment.partition("="))
        if not (equals and name and text):
            raise UsageError(
                "--set must be the name of a setting and its value, such as model.stages=4; got "
                f"'{assignment}'."
            )
        changes[name] = parse_value(name, text)
    return changes


def _shape_of(annotation: Any) -> dict[str, Any]:
    """Return how argparse should read values of a type; they are checked by the model."""
    if annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    kind = next(kind for kind in _alternatives(annotation) if kind is not type(None))
    if typing.get_origin(kind) is tuple:
        members = typing.get_args(kind)
        if Ellipsis in members:
            return {"metavar": "T1,T2,.."}
        return {"nargs": len(members), "metavar": ("H", "W")}
    if typing.get_origin(kind) is Literal:
        return {"metavar": "|".join(str(value) for value in typing.get_args(kind))}
    return {"metavar": "N" if kind is int else "X"}


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (tuple, Literal, None):
        return (annotation,)
    if typing.get_origin(annotation) is typing.Annotated:
        return (typing.get_args(annotation)[0],)
    return typing.get_args(annotation)


def default_text(value: Any) -> str:
    """Return a default for the help of a flag."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
