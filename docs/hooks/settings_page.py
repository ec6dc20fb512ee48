"""Write the page of settings from their model when the pages are built."""

from __future__ import annotations

import inspect
import types
import typing
from typing import Any, Literal

from napari_latentdyn.cli.flags import flag_of
from napari_latentdyn.settings import Settings, iter_fields
from napari_latentdyn.settings.presets import PRESETS

_MARKER = "<!-- settings -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marker by the description of every setting."""
    return markdown.replace(_MARKER, settings_markdown()) if _MARKER in markdown else markdown


def settings_markdown() -> str:
    """Return the presets and every setting as Markdown."""
    lines = ["## Presets", ""]
    for name, preset in PRESETS.items():
        lines += [f"**{name}**: {preset.summary}", ""]
    lines += _preset_table()
    fields = iter_fields()
    for group, info in Settings.model_fields.items():
        model = typing.cast("type", info.annotation)
        about = inspect.getdoc(model) or ""
        lines += ["", f"## {info.title}", "", about.splitlines()[0], ""]
        for name, field in fields:
            if name.partition(".")[0] == group:
                lines += _described(name, field)
    return "\n".join(lines)


def _described(name: str, field: Any) -> list[str]:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    facts = [_kind(field)]
    if "unit" in extra:
        facts.append(f"in {extra['unit']}")
    facts.append(f"default {_shown(Settings().get(name))}")
    flag = flag_of(name)
    facts.append(f"flag `{flag}`" if flag else "no flag of its own (`--set`)")
    if extra.get("advanced"):
        facts.append("under Advanced")
    return [
        f"### {field.title} {{ #{name} }}",
        "",
        f"`{name}`: {'; '.join(facts)}.",
        "",
        str(field.description),
        "",
    ]


def _kind(field: Any) -> str:
    annotation = field.annotation
    kinds = (
        typing.get_args(annotation)
        if typing.get_origin(annotation) in (typing.Union, types.UnionType)
        else (annotation,)
    )
    optional = " or empty" if type(None) in kinds else ""
    kind = next(k for k in kinds if k is not type(None))
    if typing.get_origin(kind) is Literal:
        return "one of " + ", ".join(f"`{value}`" for value in typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return ("fractions" if Ellipsis in typing.get_args(kind) else "height and width") + optional
    metadata = list(field.metadata)
    if typing.get_origin(kind) is typing.Annotated:
        kind, *more = typing.get_args(kind)
        metadata += [bound for info in more for bound in getattr(info, "metadata", [])]
    word = {bool: "yes or no", int: "whole number", float: "number", str: "text"}[kind]
    return word + _bounds(metadata) + optional


def _bounds(metadata: list[Any]) -> str:
    signs = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    said = [
        f"{words} {_number(getattr(bound, sign))}"
        for sign, words in signs.items()
        for bound in metadata
        if hasattr(bound, sign)
    ]
    return " " + " and ".join(said) if said else ""


def _number(value: Any) -> str:
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else f"{value:g}"


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " × ".join(str(part) for part in value)
    return f"`{value}`"


def _preset_table() -> list[str]:
    changed = [n for n, _ in iter_fields() if any(n in p.changes for p in PRESETS.values())]
    settings = {name: Settings.preset(name) for name in PRESETS}
    lines = [
        "What they change; all other settings have their defaults:",
        "",
        f"| setting | {' | '.join(PRESETS)} |",
        f"| --- | {' | '.join('---' for _ in PRESETS)} |",
    ]
    for name in changed:
        values = " | ".join(_shown(settings[preset].get(name)) for preset in PRESETS)
        lines.append(f"| [{name}](#{name}) | {values} |")
    return lines
