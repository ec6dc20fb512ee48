"""Flags of the settings, generated from their one description."""

from __future__ import annotations

import argparse
import typing
from typing import Any, Literal

from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.errors import SettingsError
from napari_latentdyn.files.paths import input_folder
from napari_latentdyn.settings import Settings, iter_fields, parse_value
from napari_latentdyn.settings.run import STARTS

__all__ = ["add_setting_flags", "flag_of", "settings_from"]

_DEST = "setting:"
#: Flags that are not simply the name of the setting.
_NAMES = {"patches.size": "--patch-size"}
#: Settings of layers and of the window, which a run without a window seldom needs.
_WINDOW_ONLY = {
    "output.arrow_spacing",
    "output.hide_doubtful",
    "output.confidence",
    "output.keep_previous",
    "output.latents",
    "output.preview",
}
#: Two ways to say the same thing: the one with precedence replaces the other.
_EXCLUDING = {"output.frames": "output.times", "output.times": "output.frames"}


def flag_of(name: str) -> str | None:
    """Return the flag of a setting, or None where only ``--set`` reaches it."""
    if name in _WINDOW_ONLY:
        return None
    return _NAMES.get(name, "--" + name.partition(".")[2].replace("_", "-"))


def add_setting_flags(parser: argparse.ArgumentParser, *, presets: bool = True) -> None:
    """Add a flag for every setting, and ``--preset``, ``--settings`` and ``--set``.

    Parameters
    ----------
    parser : ArgumentParser
        Parser of a command.
    presets : bool
        Whether the command starts from a preset or a file of settings.
    """
    general = parser.add_argument_group(
        "Settings",
        "A preset is changed by the settings file, this by the flags, and these by --set.",
    )
    if presets:
        from napari_latentdyn.settings.presets import PRESETS

        general.add_argument(
            "--preset",
            metavar="P",
            help="; ".join(f"{name}: {p.summary.rstrip('.')}" for name, p in PRESETS.items())
            + " (default: standard).",
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
    defaults = Settings()
    for name, field in iter_fields():
        flag = flag_of(name)
        if flag is None:
            continue
        kwargs = _shape_of(field.annotation)
        unit = _unit(field.json_schema_extra)
        text = f"{field.description or field.title}{unit} (default: {_default(defaults, name)})"
        groups[name.partition(".")[0]].add_argument(
            flag,
            dest=_DEST + name,
            default=None,
            help=text.replace("%", "%%"),
            **kwargs,
        )


def settings_from(
    arguments: argparse.Namespace,
    base: Settings | None = None,
    given: dict[str, Any] | None = None,
) -> Settings:
    """Put the settings of a run together: preset, file, flags, ``--set``, each over the last.

    Parameters
    ----------
    arguments : Namespace
        What the parser of a command returned.
    base : Settings, optional
        Settings to start from, in place of a preset and a file.
    given : dict, optional
        What is known of the images, by dotted name; anything the user says goes first.

    Raises
    ------
    SettingsError
        If a name is unknown or a value is out of bounds.
    UsageError
        If an assignment is none.
    """
    asked = [_from_flags(arguments), _from_assignments(arguments)]
    layers = list(asked)
    if base is None:
        base = Settings() if arguments.preset is None else Settings.preset(arguments.preset)
        if arguments.settings is not None:
            layers.insert(0, _named_in(Settings.from_json(arguments.settings)))
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
        # The settings are written beside the run, and are read from other places, too.
        settings = settings.updated({"training.start_from": _start(source)})
    if settings.images.interval is None and any("images.interval_unit" in said for said in asked):
        raise UsageError(
            "--interval-unit is the unit of the time between the images; give this with --interval."
        )
    return settings


def _start(source: str) -> str:
    def problem(sentence: str) -> SettingsError:
        return SettingsError(
            f"{sentence.rstrip('.')}; training.start_from takes prior, scratch, or the folder of a "
            "run."
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
        if not equals:
            raise UsageError(
                f"--set takes the name of a setting and its value, such as model.stages=4, "
                f"not '{assignment}'."
            )
        changes[name] = parse_value(name, text)
    return changes


def _named_in(settings: Settings) -> dict[str, Any]:
    return {
        f"{group}.{name}": getattr(getattr(settings, group), name)
        for group in sorted(settings.model_fields_set)
        for name in sorted(getattr(settings, group).model_fields_set)
    }


def _shape_of(annotation: Any) -> dict[str, Any]:
    """Return how argparse should read values of a type; they are checked by the model."""
    if annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    kinds = [kind for kind in _alternatives(annotation) if kind is not type(None)]
    kind = kinds[0]
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


def _default(defaults: Settings, name: str) -> str:
    value = defaults.get(name)
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _unit(extra: Any) -> str:
    return f" [{extra['unit']}]" if isinstance(extra, dict) and "unit" in extra else ""
