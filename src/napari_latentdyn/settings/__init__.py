"""Every setting of a run, described once.

One frozen pydantic model feeds the form in the window, the command line, the
JSON file of a run folder and the page of settings in the documentation. The
module imports neither torch nor Qt, so a form can be built before either is
needed.
"""

from __future__ import annotations

import re
import types
import typing
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, model_validator
from pydantic.fields import FieldInfo

from napari_latentdyn.equations import AUTO, EQUATIONS
from napari_latentdyn.errors import SettingsError
from napari_latentdyn.files.paths import named
from napari_latentdyn.settings.base import FrozenModel, explain, unknown
from napari_latentdyn.settings.known import KNOWN_GROUP, read_groups
from napari_latentdyn.settings.method import (
    ImageSettings,
    ModelSettings,
    PatchSettings,
)
from napari_latentdyn.settings.physics import PhysicsSettings
from napari_latentdyn.settings.renamed import with_present_names
from napari_latentdyn.settings.run import STARTS, OutputSettings, TrainingSettings

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

    @model_validator(mode="before")
    @classmethod
    def _read_former_names(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {group: with_present_names(group, values) for group, values in data.items()}

    @model_validator(mode="after")
    def _has_intensities(self) -> Self:
        equation = self.physics.equation
        needs = equation == AUTO or EQUATIONS[equation].joint
        if needs and not self.model.image_in_latent:
            raise ValueError(
                f"model.image_in_latent must be true for the equation {equation} of intensities; "
                "got false: choose another preset, or another physics.equation."
            )
        return self

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
        from napari_latentdyn.settings.presets import PRESETS

        if name not in PRESETS:
            raise SettingsError(unknown(name, list(PRESETS), "preset"))
        return cls().updated(PRESETS[name].changes)

    @property
    def uses_decoder(self) -> bool:
        """Whether the decoder changes frames.

        Unless it was trained on images, it adds zero to an image that is kept in the latent
        state: what the pretrained one adds is worth less than 0.01 dB.
        """
        untrained = self.training.steps == 0 and self.training.start_from in STARTS
        return not (untrained and self.model.image_in_latent)

    def preview(self) -> Settings:
        """Return settings for a quick result on the same images, without training.

        The method is a short matching, as in the preset "quick". Settings of reading images,
        stages, device, seed and output are kept.
        """
        quick = Settings.preset("quick")
        kept = ("channel", "missing_value", "interval", "interval_unit")
        return self.updated(
            {
                **{f"model.{name}": value for name, value in quick.model.model_dump().items()},
                "model.stages": self.model.stages,
                **{
                    f"images.{name}": value
                    for name, value in quick.images.model_dump().items()
                    if name not in kept
                },
                **{f"physics.{name}": value for name, value in quick.physics.model_dump().items()},
                "training.start_from": quick.training.start_from,
                "training.steps": quick.training.steps,
                "output.window": quick.output.window,
                "output.overlap": quick.output.overlap,
            }
        )

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
                raise SettingsError(unknown(name, sorted(known)))
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
            raise SettingsError(unknown(name, known))
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

        Groups and settings that the file does not name keep their defaults. `KnownFiles` reads
        the group `known`.

        Raises
        ------
        SettingsError
            If the file cannot be read, is not JSON, or holds an unknown name or
            a value out of bounds.
        """
        path, data = read_groups(source)
        if isinstance(data, dict):
            data.pop(KNOWN_GROUP, None)
        try:
            return cls.parse(data)
        except SettingsError as error:
            raise SettingsError(f"in the settings file {named(path)}: {error}") from None


def iter_fields() -> list[tuple[str, FieldInfo]]:
    """List all settings as pairs of dotted name and description, in their order."""
    return [
        (f"{group}.{name}", field)
        for group, info in Settings.model_fields.items()
        for name, field in typing.cast("type[BaseModel]", info.annotation).model_fields.items()
    ]


def parse_value(name: str, text: str) -> Any:
    """Convert a text such as ``"64, 64"`` or ``"none"`` into the value of a setting.

    `Settings.updated` checks the bounds.
    """
    fields = dict(iter_fields())
    if name not in fields:
        raise SettingsError(unknown(name, list(fields)))
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
        # Validation refuses a text without any value.
        return tuple(text.strip("()[]").replace(",", " ").split()) or text
    if any(typing.get_origin(k) is Literal and int in map(type, typing.get_args(k)) for k in kinds):
        return int(text) if re.fullmatch("-?[0-9]{1,18}", text) else text
    return text
