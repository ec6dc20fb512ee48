"""Every setting of a run, described once.

One frozen pydantic model feeds the form in the window, the command line, the
JSON file of a run folder and the page of settings in the documentation. The
module imports neither torch nor Qt, so a form can be built before either is
needed.
"""

from __future__ import annotations

import difflib
import json
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from napari_latentdyn.errors import SettingsError

__all__ = [
    "ImageSettings",
    "ModelSettings",
    "OutputSettings",
    "PatchSettings",
    "PhysicsSettings",
    "Settings",
    "SettingsError",
    "TrainingSettings",
    "explain",
    "iter_fields",
    "parse_value",
]


class FrozenModel(BaseModel):
    """Base of all settings: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    raise ValueError(_unknown(str(key), list(cls.model_fields)))
        return data

    def replace(self, **changes: Any) -> Self:
        """Return a validated copy with some fields changed.

        Raises
        ------
        SettingsError
            If a value is out of bounds or a name is unknown.
        """
        return self.parse({**self.model_dump(), **changes})

    @classmethod
    def parse(cls, data: Any) -> Self:
        """Build the model from plain data.

        Raises
        ------
        SettingsError
            One sentence that names the setting and what is wrong with it.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise SettingsError(explain(error)) from None


Size = Annotated[int, Field(ge=16, le=8192)]
Stride = Annotated[int, Field(ge=1, le=8192)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class ImageSettings(FrozenModel):
    """What is read from the two images."""

    channel: int | None = Field(
        None,
        ge=0,
        title="Channel",
        description="Channel of an RGB or multi-polarisation image to use, counted from 0; "
        "empty uses all channels together.",
    )
    normalisation: Literal["pair", "percentile", "patch"] = Field(
        "percentile",
        title="Normalisation",
        description="How intensities are brought to [0, 1]: by the joint minimum and maximum of "
        "both images (pair), by their joint 0.5 and 99.5 percentiles, robust against single bright "
        "pixels (percentile), or by the joint minimum and maximum of each pair of patches, as in "
        "the paper (patch).",
        json_schema_extra={"advanced": True},
    )
    missing_value: float | None = Field(
        None,
        title="Missing value",
        description="Pixels with exactly this value count as missing, besides NaN and the mask: "
        "they are left out of the loss and of the normalisation.",
        json_schema_extra={"advanced": True},
    )
    interval: float | None = Field(
        None,
        gt=0,
        title="Time between the images",
        description="Time that passed between the two images; empty counts in stages.",
    )
    interval_unit: Literal["second", "minute", "hour", "day"] = Field(
        "hour",
        title="Unit of time",
        description="Unit of the time between the images.",
    )


class PatchSettings(FrozenModel):
    """How the images are scanned into pairs of patches (HLG section 3)."""

    size: tuple[Size, Size] = Field(
        (128, 128),
        title="Patch size",
        description="Height and width of the windows with which both images are scanned. A patch "
        "must be clearly larger than the distance that things move.",
        json_schema_extra={"unit": "pixels"},
    )
    stride: tuple[Stride, Stride] = Field(
        (64, 64),
        title="Stride",
        description="Step down and to the right from one patch to the next; never more than the "
        "patch size, because places between the patches would not be learned.",
        json_schema_extra={"unit": "pixels"},
    )

    @model_validator(mode="after")
    def _stride_within_size(self) -> Self:
        for size, stride, name in zip(self.size, self.stride, ("height", "width"), strict=True):
            if stride > size:
                raise ValueError(
                    f"the stride ({stride}) is larger than the patch {name} ({size}), so that "
                    f"places between the patches would not be learned; use at most {size}"
                )
        return self


class ModelSettings(FrozenModel):
    """The networks: encoder E, field extraction F and decoder D (HLG equation 3)."""

    stages: int = Field(
        8,
        ge=1,
        le=128,
        title="Stages",
        description="Number n of time steps into which the interval is cut; each has an advection "
        "field of its own.",
    )
    latent_channels: int = Field(
        8,
        ge=1,
        le=128,
        title="Latent channels",
        description="Channels of the latent state, besides the image where it is kept in it.",
        json_schema_extra={"advanced": True},
    )
    encoder_width: int = Field(
        16,
        ge=1,
        le=256,
        title="Encoder width",
        description="Channels of each of the six hidden layers of the encoder.",
        json_schema_extra={"advanced": True},
    )
    encoder_kernel: Literal[3, 5] = Field(
        3,
        title="Encoder kernel",
        description="Side of the convolution kernels of the encoder.",
        json_schema_extra={"advanced": True, "unit": "pixels"},
    )
    unet_width: int = Field(
        8,
        ge=1,
        le=128,
        title="U-net width",
        description="Channels at the full resolution of the two U-nets; they double at each of the "
        "three down-samplings.",
        json_schema_extra={"advanced": True},
    )
    fields_from: Literal["first", "both"] = Field(
        "both",
        title="Fields from",
        description="Extract the advection fields from the latent state of the first image alone, "
        "as in the paper, or from those of both images.",
        json_schema_extra={"advanced": True},
    )
    image_in_latent: bool = Field(
        True,
        title="Keep the image in the latent state",
        description="Carry the image itself as latent channels and let the decoder add a residual "
        "that starts at zero: detail does not have to pass through the networks.",
        json_schema_extra={"advanced": True},
    )
    levels: int = Field(
        2,
        ge=1,
        le=6,
        title="Pyramid levels",
        description="Coarse to fine: fields are found on images halved this many times less one, "
        "with the same weights, and refined level by level; 1 works at full resolution only.",
        json_schema_extra={"advanced": True},
    )
    initial_fields: Literal["zero", "drift", "flow"] = Field(
        "flow",
        title="Initial fields",
        description="Motion from which training starts: none (zero), the common drift of the two "
        "images by phase correlation (drift), or that drift and a TV-L1 optical flow, both made "
        "into one steady field (flow).",
        json_schema_extra={"advanced": True},
    )


class PhysicsSettings(FrozenModel):
    """How the latent state is advected (HLG equations 3c, 5 and 6)."""

    transport: Literal["stages", "characteristics"] = Field(
        "characteristics",
        title="Transport",
        description="Interpolate the latent state at every stage, as in the paper (stages), or "
        "compose the characteristics and sample the state once, which keeps detail "
        "(characteristics).",
        json_schema_extra={"advanced": True},
    )
    interpolation: Literal["bilinear", "bicubic"] = Field(
        "bicubic",
        title="Interpolation",
        description="Kernel with which the latent state is sampled between pixels.",
        json_schema_extra={"advanced": True},
    )
    departure: Literal["euler", "midpoint"] = Field(
        "midpoint",
        title="Departure points",
        description="Velocity that carries a point through a stage: that where it starts, as in "
        "equation 5 (euler, first order), or that half way (midpoint, second order).",
        json_schema_extra={"advanced": True},
    )
    border: Literal["clamp", "exclude"] = Field(
        "exclude",
        title="Border",
        description="What flows in from outside repeats the border and counts in the loss (clamp), "
        "or is left out of the loss and filled from the end that saw it (exclude).",
        json_schema_extra={"advanced": True},
    )
    ends: Literal["first", "both"] = Field(
        "both",
        title="Ends",
        description="Carry the latent state forward from the first image only, as in the paper, or "
        "also backward from the last along the same fields, blended by time: both images are "
        "then met exactly.",
        json_schema_extra={"advanced": True},
    )


class TrainingSettings(FrozenModel):
    """The fit to the two images: loss (HLG equations 7 to 9), optimiser, device."""

    steps: int = Field(
        150,
        ge=1,
        le=1_000_000,
        title="Steps",
        description="Number of optimiser steps.",
    )
    batch_size: int = Field(
        2,
        ge=1,
        le=1024,
        title="Batch size",
        description="Pairs of patches in each step; less needs less memory.",
        json_schema_extra={"advanced": True},
    )
    learning_rate: float = Field(
        1e-3,
        gt=0,
        le=1,
        title="Learning rate",
        description="Rate of the Adam optimiser at the first step.",
        json_schema_extra={"advanced": True},
    )
    final_rate: float = Field(
        0.1,
        gt=0,
        le=1,
        title="Final rate",
        description="Fraction of the learning rate that is left at the last step; it decays "
        "exponentially in between.",
        json_schema_extra={"advanced": True},
    )
    data_term: Literal["square", "robust"] = Field(
        "robust",
        title="Data term",
        description="Penalty on differences of intensity: their square, as in the paper, or a "
        "smoothed absolute value that forgives outliers such as new cracks (robust).",
        json_schema_extra={"advanced": True},
    )
    weight_match: float = Field(
        1.0,
        ge=0,
        le=1e6,
        title="Weight of the match",
        description="Weight of equation 7: the advected and decoded first image against the last.",
        json_schema_extra={"advanced": True},
    )
    weight_autoencoding: float = Field(
        1.0,
        ge=0,
        le=1e6,
        title="Weight of auto-encoding",
        description="Weight of equation 8: each image encoded and decoded against itself. Without "
        "it the fields stay trivial.",
        json_schema_extra={"advanced": True},
    )
    weight_space: float = Field(
        0.05,
        ge=0,
        le=1e6,
        title="Smoothness in space",
        description="Weight of the penalty on changes of the advection fields from place to place.",
        json_schema_extra={"advanced": True},
    )
    weight_time: float = Field(
        1.0,
        ge=0,
        le=1e6,
        title="Steadiness in time",
        description="Weight of the penalty on changes of the advection fields from stage to stage. "
        "Strong steadiness is a strong prior: things go on moving as they do.",
        json_schema_extra={"advanced": True},
    )
    smoothness: Literal["first", "second"] = Field(
        "second",
        title="Smoothness of",
        description="Differences that the smoothness in space penalises: first ones, as in the "
        "paper, or second ones, which leave rotation, strain and shear free.",
        json_schema_extra={"advanced": True},
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto",
        title="Device",
        description="Where to train: auto takes a GPU when there is one that PyTorch can use.",
    )
    threads: int = Field(
        0,
        ge=0,
        le=1024,
        title="CPU threads",
        description="Threads of the training on the CPU; 0 leaves one core free for the window.",
        json_schema_extra={"advanced": True},
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="Start of all random numbers: the same seed gives the same result on the CPU.",
        json_schema_extra={"advanced": True},
    )


class OutputSettings(FrozenModel):
    """What is made of the trained model."""

    frames: int | None = Field(
        None,
        ge=0,
        le=10_000,
        title="Frames in between",
        description="Number of evenly spaced frames between the two images; empty gives one at "
        "every stage.",
    )
    times: tuple[Fraction, ...] | None = Field(
        None,
        title="Times",
        description="Times of the frames as fractions of the interval, instead of a number of "
        "frames; both ends are added.",
        json_schema_extra={"advanced": True, "form": False},
    )
    arrow_spacing: int | None = Field(
        None,
        ge=1,
        le=4096,
        title="Arrow spacing",
        description="Distance between the arrows of the advection fields; empty chooses one that "
        "can be read and drawn smoothly.",
        json_schema_extra={"unit": "pixels", "advanced": True},
    )
    latents: bool = Field(
        False,
        title="Latent states",
        description="Show the latent states as a layer of their own.",
        json_schema_extra={"advanced": True},
    )
    preview: bool = Field(
        True,
        title="Live preview",
        description="Show the frame half way while training goes on.",
    )
    keep_previous: bool = Field(
        False,
        title="Keep earlier results",
        description="Add new layers for every run, instead of renewing those of the last run on "
        "the same two images.",
        json_schema_extra={"advanced": True},
    )
    window: Size = Field(
        256,
        title="Window",
        description="Side of the windows in which results are computed and blended: memory grows "
        "with it and not with the image. Smaller images are computed in one piece.",
        json_schema_extra={"unit": "pixels", "advanced": True},
    )
    overlap: float = Field(
        0.5,
        ge=0.1,
        le=0.75,
        title="Overlap of the windows",
        description="Fraction of a window that it shares with the next; more hides seams better "
        "and takes longer.",
        json_schema_extra={"advanced": True},
    )

    @model_validator(mode="after")
    def _one_way_to_choose_frames(self) -> Self:
        if self.frames is not None and self.times is not None:
            raise ValueError("frames and times exclude each other; give only one of them")
        return self


class Settings(FrozenModel):
    """All settings of a run.

    Examples
    --------
    >>> settings = Settings.preset("paper")
    >>> settings.model.stages
    8
    >>> settings.updated({"patches.size": (96, 96)}).patches.size
    (96, 96)
    """

    images: ImageSettings = Field(default_factory=ImageSettings, title="Images")
    patches: PatchSettings = Field(default_factory=PatchSettings, title="Patches")
    model: ModelSettings = Field(default_factory=ModelSettings, title="Model")
    physics: PhysicsSettings = Field(default_factory=PhysicsSettings, title="Physics")
    training: TrainingSettings = Field(default_factory=TrainingSettings, title="Training")
    output: OutputSettings = Field(default_factory=OutputSettings, title="Output")

    @classmethod
    def preset(cls, name: str) -> Settings:
        """Return the settings of a preset.

        Parameters
        ----------
        name : str
            One of ``quick``, ``standard``, ``accurate``, ``paper``.

        Raises
        ------
        SettingsError
            If there is no such preset.
        """
        from napari_latentdyn.presets import PRESETS

        if name not in PRESETS:
            raise SettingsError(_unknown(name, list(PRESETS), "preset"))
        return cls().updated(PRESETS[name].changes)

    def updated(self, changes: dict[str, Any]) -> Settings:
        """Return a validated copy with settings changed by their dotted names.

        Parameters
        ----------
        changes : dict
            Values by name, such as ``{"model.stages": 4}``.

        Raises
        ------
        SettingsError
            If a name is unknown or a value is out of bounds.
        """
        data = self.model_dump()
        known = {name for name, _ in iter_fields()}
        for name, value in changes.items():
            if name not in known:
                raise SettingsError(_unknown(name, sorted(known)))
            group, field = name.split(".")
            data[group][field] = value
        try:
            return Settings.parse(data)
        except SettingsError as error:
            alone = "patches.size" in changes and "patches.stride" not in changes
            if not alone or not str(error).startswith("patches: the stride"):
                raise
            raise SettingsError(
                f"{str(error).rstrip('.')} for patches.stride, to be changed with patches.size."
            ) from None

    def get(self, name: str) -> Any:
        """Return the value of a setting by its dotted name.

        Raises
        ------
        SettingsError
            If there is no such setting.
        """
        known = [known for known, _ in iter_fields()]
        if name not in known:
            raise SettingsError(_unknown(name, known))
        group, field = name.split(".")
        return getattr(getattr(self, group), field)

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the settings as JSON text, and write it to `path` if one is given."""
        text = self.model_dump_json(indent=2) + "\n"
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    @classmethod
    def from_json(cls, source: str | Path) -> Settings:
        """Read settings from a JSON file.

        Groups and settings that the file does not name keep their defaults.

        Raises
        ------
        SettingsError
            If the file cannot be read, is no JSON, or holds an unknown name or
            a value out of bounds.
        """
        path = Path(source)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(
                f"cannot read the settings file {path}: {error.strerror}."
            ) from None
        except ValueError as error:
            raise SettingsError(f"the settings file {path} is not valid JSON: {error}.") from None
        try:
            return cls.parse(data)
        except SettingsError as error:
            raise SettingsError(f"in the settings file {path}: {error}") from None


def iter_fields() -> list[tuple[str, FieldInfo]]:
    """List all settings as pairs of dotted name and description, in their order."""
    return [
        (f"{group}.{name}", field)
        for group, info in Settings.model_fields.items()
        for name, field in typing.cast("type[BaseModel]", info.annotation).model_fields.items()
    ]


def parse_value(name: str, text: str) -> Any:
    """Turn a text such as ``"64, 64"`` or ``"none"`` into the value of a setting.

    Raises
    ------
    SettingsError
        If there is no setting of this name. Bounds are checked by
        `Settings.updated`, not here.
    """
    fields = dict(iter_fields())
    if name not in fields:
        raise SettingsError(_unknown(name, list(fields)))
    annotation = fields[name].annotation
    kinds = (
        typing.get_args(annotation)
        if typing.get_origin(annotation) in (typing.Union, types.UnionType)
        else (annotation,)
    )
    text = text.strip()
    if type(None) in kinds and text.lower() in ("none", "null", ""):
        return None
    if any(typing.get_origin(kind) is tuple for kind in kinds):
        return tuple(part for part in text.strip("()[]").replace(",", " ").split())
    if any(typing.get_origin(k) is Literal and int in map(type, typing.get_args(k)) for k in kinds):
        return int(text) if text.lstrip("-").isdigit() else text
    return text


def explain(error: ValidationError) -> str:
    """Turn a validation error of pydantic into one sentence for the user."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    if first["type"] in ("missing", "too_long", "tuple_type"):
        # The only lists without a fixed length are times.
        many = where == "output.times"
        what = f"takes {'numbers, such as 0.25,0.5' if many else 'two numbers, such as 64,64'}"
    elif first["type"] == "model_type":
        form = '{"name": value}' if where else 'settings are given as {"group": {"name": value}}'
        what = f"{'holds settings as ' if where else ''}{form}, not {first['input']!r}"
    elif first["type"] == "value_error":
        what = str(first["ctx"]["error"])
    else:
        what = first["msg"][0].lower() + first["msg"][1:]
        if not isinstance(first["input"], dict):
            what += f", not {first['input']!r}"
    sentence = f"{where}: {what}" if where else what
    return sentence if sentence.endswith("?") else sentence.rstrip(".") + "."


def _unknown(name: str, known: list[str], kind: str = "setting") -> str:
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
