"""Types of the entries of reports."""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from napari_latentdyn.settings.base import FrozenModel

__all__ = [
    "Blending",
    "Count",
    "Described",
    "FileName",
    "Length",
    "Limits",
    "Matrix2",
    "Matrix3",
    "Pair",
    "PixelType",
    "Shape",
    "Text",
    "Times",
    "Unit",
]


def _file_name(name: str) -> str:
    if name in ("", ".", "..") or any(letter in name for letter in "/\\\0") or len(name) > 255:
        raise ValueError("must be the name of a file in the folder")
    return name


def _pixel_type(name: str) -> str:
    try:
        kind = np.dtype(name).kind if len(name) <= 20 else ""
    except (TypeError, ValueError, SyntaxError):
        kind = ""
    if kind not in tuple("biufc"):
        raise ValueError('must be the name of a type of numbers, such as "uint8"')
    return name


def _increasing(times: list[float]) -> list[float]:
    if not all(a < b for a, b in itertools.pairwise(times)):
        raise ValueError("must be increasing numbers")
    return times


#: Far above every file, image and training, and within the range of NumPy's integers.
Count = Annotated[int, Field(ge=0, le=2**53)]
Length = Annotated[int, Field(ge=1, le=2**53)]
FileName = Annotated[str, AfterValidator(_file_name)]
PixelType = Annotated[str, AfterValidator(_pixel_type)]
Text = Annotated[str, Field(max_length=100_000)]
Unit = Annotated[str, Field(min_length=1, max_length=100)]
Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
Limits = Annotated[Pair, AfterValidator(_increasing)]
Times = Annotated[list[float], Field(min_length=2), AfterValidator(_increasing)]
Matrix2 = Annotated[list[Pair], Field(min_length=2, max_length=2)]
Row3 = Annotated[list[float], Field(min_length=3, max_length=3)]
Matrix3 = Annotated[list[Row3], Field(min_length=3, max_length=3)]
Shape = Annotated[list[Length], Field(max_length=8)]
Blending = Literal[
    "additive", "minimum", "multiplicative", "opaque", "translucent", "translucent_no_depth"
]


class Described(FrozenModel):
    """Base of all parts of a report.

    Values must have the type that is written; nothing is converted. Unknown keys are
    accepted, because later versions and other programs may add some.
    """

    model_config = ConfigDict(extra="ignore", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        return data
