"""Base of all settings: immutable models whose errors are one sentence."""

from __future__ import annotations

import difflib
import typing
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings.text import shorten, shown

__all__ = ["FrozenModel", "explain", "unknown"]


class FrozenModel(BaseModel):
    """Base of all settings: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    raise ValueError(unknown(str(key), list(cls.model_fields)))
        return data

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        kind = cls.model_fields[str(info.field_name)].annotation
        kinds = {kind, *typing.get_args(kind)}
        if isinstance(value, bool) and bool not in kinds and kinds & {int, float}:
            # pydantic reads true as 1.
            raise ValueError(f"must be a number; got {str(value).lower()}")
        return value

    @classmethod
    def parse(cls, data: Any) -> Self:
        """Build the model from plain data; a `SettingsError` names the wrong setting."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise SettingsError(explain(error)) from None


def explain(error: ValidationError) -> str:
    """Turn a validation error of pydantic into one sentence for the user."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    if first["type"] in ("missing", "too_long", "tuple_type"):
        # The only lists without a fixed length are times.
        many = where == "output.times"
        what = f"must be {'numbers, such as 0.25,0.5' if many else 'two numbers, such as 64,64'}"
    elif first["type"] == "model_type":
        form = '{"name": value}' if where else 'settings are given as {"group": {"name": value}}'
        what = f"{'holds settings as ' if where else ''}{form}, not {shown(first['input'])}"
    elif first["type"] == "value_error":
        what = str(first["ctx"]["error"])
    else:
        what = first["msg"][0].lower() + first["msg"][1:]
        if not isinstance(first["input"], dict):
            what += f", not {shown(first['input'])}"
    sentence = f"{where}: {what}" if where else what
    return sentence if sentence.endswith("?") else sentence.rstrip(".") + "."


def unknown(name: str, known: list[str], kind: str = "setting") -> str:
    """Return a sentence on an unknown name, with the nearest known name."""
    name = shorten(name)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    if not near and kind == "setting":
        ends = difflib.get_close_matches(
            name.rpartition(".")[2], [k.rpartition(".")[2] for k in known], n=1, cutoff=0.5
        )
        near = [k for k in known if ends and k.rpartition(".")[2] == ends[0]][:1]
    if not near and any("." in k for k in known):
        groups = dict.fromkeys(k.partition(".")[0] for k in known)
        return f"there is no {kind} '{name}'; names start with {', '.join(groups)} and a dot."
    hint = f"did you mean '{near[0]}'" if near else f"known are {', '.join(known)}"
    return f"there is no {kind} '{name}'; {hint}{'?' if near else '.'}"
