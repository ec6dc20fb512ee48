"""The schema of reports, of run folders and of folders of layers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    ValidationError,
    model_validator,
)

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.runfolder.entries import (
    Blending,
    Count,
    Described,
    FileName,
    Length,
    Limits,
    Matrix2,
    Matrix3,
    Pair,
    PixelType,
    Shape,
    Text,
    Times,
    Unit,
)
from napari_latentdyn.core.runfolder.schema_known import (
    ComparedReport,
    HeldBackReport,
    KnownReport,
)
from napari_latentdyn.errors import GeometryError
from napari_latentdyn.settings.text import shorten, shown

__all__ = ["FORMAT_VERSION", "InputReport", "LayerEntry", "LayersReport", "RunReport", "problem"]

#: Version 1 held two images, named first and last.
FORMAT_VERSION = 2


def _inputs_in_order(inputs: Any) -> Any:
    """Return the inputs as a list; version 1 of the format names both."""
    if not isinstance(inputs, dict):
        return [] if inputs is None else inputs
    return [inputs.get(end) or {} for end in ("first", "last")]


class InputReport(Described):
    """Description of an input image."""

    name: Text | None = None
    sha256: Text | None = None
    path: Text | None = None
    mask: Text | None = None
    shape: Shape | None = None
    dtype: PixelType | None = None
    rgb: bool | None = None
    geo: dict[str, Any] | None = None


Inputs = Annotated[list[InputReport], BeforeValidator(_inputs_in_order)]


class IntervalReport(Described):
    """Time between the images."""

    value: PositiveFloat | None = None
    unit: Unit = "hour"


class PlacementReport(Described):
    """Place of the images, as any version of `Geometry.to_report` wrote it."""

    scale: Pair | None = None
    translate: Pair | None = None
    rotate: Matrix2 | None = None
    shear: Matrix2 | None = None
    affine: Matrix3 | None = None
    units: Annotated[list[Unit], Field(min_length=2, max_length=2)] | None = None
    axis_labels: Annotated[list[Text], Field(min_length=2, max_length=2)] | None = None

    @property
    def geometry(self) -> Geometry:
        """The place as a geometry."""
        return Geometry.from_report(self.model_dump(exclude_none=True))

    @model_validator(mode="after")
    def _has_a_size(self) -> Self:
        try:
            with np.errstate(all="ignore"):
                _ = self.geometry
        except GeometryError:
            raise ValueError("the pixels have no size") from None
        return self


class AgreementReport(Described):
    """Gain by training: the part of the difference between the images that motion explains."""

    before: float | None = None
    after: float | None = None
    hidden: bool = False


class EvidenceReport(Described):
    """Whether motion was found; see `evidence.MotionEvidence`.

    Of a series, the figures are those of the interval where motion is least clear. `doubtful` are
    the numbers of all intervals without clear motion, from 1, among `intervals`.
    """

    with_motion: float | None = None
    without_motion: float | None = None
    ratio: float | None = None
    places: float | None = None
    found: bool = True
    intervals: int = 1
    doubtful: list[int] = Field(default_factory=list)


class EquationReport(Described):
    """The equation, how it was chosen, and its coefficients; see `training.choice`.

    `errors` are root mean square errors of predictions `by` hidden blocks or hidden images, as
    parts of the intensity range, by the name of the equation. `difference` is that of frames half
    way, between the equation and the `other` one that was nearest. `share` is the part of the
    change between two images that lies in sparse sources. `coefficients` has the numbers of each
    interval, one for each channel.
    """

    name: Text
    by: Literal["blocks", "images"] | None = None
    errors: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    other: Text | None = None
    share: NonNegativeFloat | None = None
    difference: NonNegativeFloat | None = None
    matters: bool = True
    coefficients: dict[str, list[list[float]]] = Field(default_factory=dict)


class HiddenReport(Described):
    """Errors of hidden images of a series, as parts of the intensity range; see `training.hidden`.

    `kept` says whether frames have a correction that was learned from these images.
    """

    images: Count
    before: NonNegativeFloat
    after: NonNegativeFloat
    kept: bool


class Report(Described):
    """Entries of every report, of a run or of layers."""

    format_version: Any = FORMAT_VERSION
    complete: bool = False
    contents: str = "run"
    files: dict[FileName, Count] | None = None


class RunReport(Report):
    """Report of a run, as `runfolder.write_run` writes it."""

    version: Text | None = None
    torch: Text | None = None
    device: Text | None = None
    seed: Count | None = None
    batch_size: Count | None = None
    steps: Count | None = None
    steps_planned: Count | None = None
    seconds: NonNegativeFloat | None = None
    stopped_early: bool = False
    converged: bool = False
    frames_complete: bool = True
    losses: dict[str, Any] | None = None
    loss_history: list[dict[str, float | None]] | None = None
    agreement: AgreementReport | None = None
    motion_evidence: EvidenceReport | None = None
    hidden: HiddenReport | None = None
    held_back: HeldBackReport | None = None
    compared: ComparedReport | None = None
    equation: EquationReport | None = None
    unused: list[Text] | None = None
    metrics: dict[str, Any] | None = None
    inputs: Inputs = Field(default_factory=list)
    known: KnownReport | None = None
    interval: IntervalReport | None = None
    placement: PlacementReport | None = None
    observation_times: Times = Field(default_factory=lambda: [0.0, 1.0])
    times: list[float] = Field(default_factory=list)
    frames_shape: Annotated[list[Length], Field(min_length=3, max_length=4)] | None = None

    @model_validator(mode="after")
    def _one_frame_for_each_time(self) -> Self:
        if self.frames_shape is not None and self.frames_shape[0] != len(self.times):
            raise ValueError(
                f"there are {len(self.times)} times for {shown(self.frames_shape[0])} frames"
            )
        first, last = self.observation_times[0], self.observation_times[-1]
        if not all(first <= time <= last for time in self.times):
            raise ValueError(f"times must lie between {first:g} and {last:g}")
        return self


class LookReport(Described):
    """Appearance of a layer; numbers may be text."""

    model_config = ConfigDict(strict=False)

    name: Text | None = None
    visible: bool | None = None
    opacity: Annotated[float, Field(ge=0, le=1)] | None = None
    blending: Blending | None = None
    contrast_limits: Limits | None = None
    gamma: PositiveFloat | None = None
    rgb: bool | None = None
    length: PositiveFloat | None = None
    edge_width: PositiveFloat | None = None
    edge_contrast_limits: Limits | None = None
    vector_style: Literal["line", "triangle", "arrow"] | None = None
    coloured_by: Text | None = None
    colormap: Text | None = None


class TransformReport(Described):
    """Place of a layer, along all its axes."""

    scale: list[float]
    translate: list[float]
    units: list[Unit]
    axis_labels: list[Text]
    rotate: list[list[float]]
    shear: list[list[float]]
    affine: list[list[float]]

    @model_validator(mode="after")
    def _one_of_each_for_every_axis(self) -> Self:
        ndim = len(self.scale)
        vectors = (self.translate, self.units, self.axis_labels)
        squares = ((self.rotate, ndim), (self.shear, ndim), (self.affine, ndim + 1))
        if not 1 <= ndim <= 8 or any(len(values) != ndim for values in vectors):
            raise ValueError("scale, translate, units and axis_labels must be of one length")
        for rows, size in squares:
            if len(rows) != size or any(len(row) != size for row in rows):
                raise ValueError(f"rotate, shear and affine must be square for {ndim} axes")
        linear = np.asarray(self.affine)[:-1, :-1] @ np.asarray(self.rotate)
        if 0.0 in self.scale or np.linalg.det(linear) == 0:
            raise ValueError("the pixels have no size")
        return self


class LayerEntry(Described):
    """A layer in a folder of layers."""

    type: Literal["image", "vectors"]
    file: FileName
    look: LookReport
    transform: TransformReport
    metadata: dict[str, Any] = Field(default_factory=dict)
    shape: Annotated[list[Count], Field(max_length=8)] | None = None
    dtype: PixelType | None = None
    start: list[Text] | None = None
    projection: list[Text] | None = None
    features: list[Text] = Field(default_factory=list)

    @model_validator(mode="after")
    def _says_what_its_type_needs(self) -> Self:
        needed = ("shape", "dtype") if self.type == "image" else ("start", "projection")
        for name in needed:
            if getattr(self, name) is None:
                raise ValueError(f"'{name}' is missing")
        axes = len(self.transform.scale)
        if self.type == "image":
            has = len(self.shape or ()) - int(bool(self.look.rgb))
        else:
            has = len(self.start or ())
            if len(self.projection or ()) != has:
                raise ValueError("start and projection must be of one length")
        if has != axes:
            raise ValueError(f"the layer has {has} axes, its transform {axes}")
        return self


class LayersReport(Report):
    """Report of a folder of layers, as `viewer.layerfolder` writes it."""

    layers: list[LayerEntry] = Field(default_factory=list)


def problem(error: ValidationError) -> str:
    """Describe the first error of a report in a part of a sentence."""
    first = error.errors(include_url=False)[0]
    where = shorten(".".join(map(str, first["loc"])))
    if first["type"] == "value_error":
        what = str(first["ctx"]["error"])
    elif first["type"] == "model_type":
        what = f"input should be a mapping, not {shown(first['input'])}"
    else:
        what = shorten(first["msg"][:1].lower() + first["msg"][1:])
        if first["type"] != "missing":
            what += f", not {shown(first['input'])}"
    return f"{where}: {what}" if where else what
