"""Settings of the method: images, patches, networks, physics."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from napari_latentdyn.equations import AUTO, EQUATIONS
from napari_latentdyn.settings.base import FrozenModel

__all__ = ["ImageSettings", "ModelSettings", "PatchSettings", "PhysicsSettings"]


Size = Annotated[int, Field(ge=16, le=8192)]
Stride = Annotated[int, Field(ge=1, le=8192)]


class ImageSettings(FrozenModel):
    """Values of the two images, and the time between them."""

    channel: int | None = Field(
        None,
        ge=0,
        title="Channel",
        description="Channel of an RGB or multi-polarisation image to use, counted from 0; if "
        "empty, all channels are used together.",
    )
    normalisation: Literal["pair", "percentile", "patch"] = Field(
        "percentile",
        title="Normalisation",
        description="Mapping of intensities to [0, 1]: by the joint minimum and maximum of "
        "both images (pair), by their joint 0.5 and 99.5 percentiles, robust against single bright "
        "pixels (percentile), or by the joint minimum and maximum of each pair of patches, as in "
        "the paper (patch).",
        json_schema_extra={"advanced": True},
    )
    brightness: Literal["keep", "follow"] = Field(
        "follow",
        title="Brightness",
        description="Use intensities unchanged (keep), or find the gain and offset of an overall "
        "change of brightness between the two images, and apply the change evenly over time "
        "(follow): otherwise light and season are mistaken for motion. Used where the initial "
        "fields are matched, and only if it brings the images clearly closer together.",
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
        description="Time between the two images; if empty, time is counted in stages. For images "
        "with times of their own, the length of one unit of these times.",
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
        description="Step down and to the right from one patch to the next; at most the patch "
        "size, because training would not see the places between the patches.",
        json_schema_extra={"unit": "pixels"},
    )

    @model_validator(mode="after")
    def _stride_within_size(self) -> Self:
        for size, stride, name in zip(self.size, self.stride, ("height", "width"), strict=True):
            if stride > size:
                raise ValueError(
                    f"the stride ({stride}) is larger than the patch {name} ({size}), so that "
                    f"training would not see the places between the patches; use at most {size}"
                )
        return self


class ModelSettings(FrozenModel):
    """The networks: encoder E, field extraction F and decoder D (HLG equation 3)."""

    stages: int = Field(
        8,
        ge=1,
        le=128,
        title="Stages",
        description="Number of equal parts into which the time between the images is divided; each "
        "has its own velocity field and arrows. Stages are neither training steps nor pictures: "
        "frames can be computed at any time within a stage.",
    )
    latent_channels: int = Field(
        12,
        ge=1,
        le=128,
        title="Latent channels",
        description="Learned channels of the latent state, in addition to the image if the latent "
        "state contains the image.",
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
    contrast: bool = Field(
        True,
        title="Local contrast",
        description="Give the encoder the local contrast of the image as a second input. Local "
        "contrast does not depend on brightness, and weighs faint and strong texture equally.",
        json_schema_extra={"advanced": True},
    )
    unet_width: int = Field(
        8,
        ge=1,
        le=128,
        title="Decoder width",
        description="Channels of the decoder's U-net at full resolution; they double at each of "
        "the three down-samplings.",
        json_schema_extra={"advanced": True},
    )
    extractor_width: int = Field(
        56,
        ge=1,
        le=128,
        title="Extractor width",
        description="Channels of the U-net that extracts the fields, before its down-samplings.",
        json_schema_extra={"advanced": True},
    )
    extractor_growth: Literal[1, 2] = Field(
        1,
        title="Extractor growth",
        description="Factor by which the channels of this U-net grow at each of the three "
        "down-samplings. The correlation needs many channels from the start (factor 1).",
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
        "that starts at zero, so that detail does not pass through the networks.",
        json_schema_extra={"advanced": True},
    )
    timing: Literal["even", "free"] = Field(
        "even",
        title="Timing",
        description="Change of the initial fields by training: different at every stage, as in "
        "the paper (free), or equal at all stages (even). Two images determine displacements and "
        "not their timing.",
        json_schema_extra={"advanced": True},
    )
    levels: int = Field(
        5,
        ge=1,
        le=8,
        title="Pyramid levels",
        description="Number of levels on which the fields are extracted, from coarse to fine, "
        "with the same weights. Each level has twice the resolution of the level before; 1 uses "
        "the finest level only.",
        json_schema_extra={"advanced": True},
    )
    coarsening: int = Field(
        1,
        ge=0,
        le=4,
        title="Coarsening",
        description="Number of times that the images are halved for the finest level on which "
        "fields are extracted; 0 extracts them at full resolution.",
        json_schema_extra={"advanced": True},
    )
    correlation: int = Field(
        3,
        ge=0,
        le=4,
        title="Correlation",
        description="Largest shift, in pixels of a level, for which the extraction correlates the "
        "two latent states, carried half way; 0 means no correlation. Used if the fields are "
        "extracted from both images.",
        json_schema_extra={"advanced": True},
    )
    initial_fields: Literal["zero", "extracted", "matched"] = Field(
        "matched",
        title="Initial fields",
        description="Motion from which training starts: none (zero), the proposal of a pretrained "
        "network (extracted), or the velocity half way that carries both images onto each other "
        "along the characteristics of the chosen motion (matched).",
        json_schema_extra={"advanced": True},
    )
    members: int = Field(
        4,
        ge=1,
        le=6,
        title="Members",
        description="Number of matched velocities, each with its own stiffness and image "
        "features. The latent state is their weighted mean, and the result is uncertain where the "
        "members disagree. Members of negligible weight are not matched at full size. Fields that "
        "are not matched have one member.",
        json_schema_extra={"advanced": True},
    )
    refinement: Literal["short", "full"] = Field(
        "full",
        title="Refinement",
        description="Effort of matching: the same number of iterations at all sizes of the images "
        "(full), or fewer, and few at half and full size (short).",
        json_schema_extra={"advanced": True},
    )
    weighting: Literal["equal", "held_out"] = Field(
        "held_out",
        title="Weighting",
        description="Weights of the members: all equal (equal), or by the prediction error in "
        "blocks of the images that were hidden from the member (held_out). With held_out, a "
        "member without motion takes part; its weight is high where images change in other ways "
        "than by motion.",
        json_schema_extra={"advanced": True},
    )


class PhysicsSettings(FrozenModel):
    """The equation that the latent state follows, and how it is solved (HLG 3c, 5 and 6)."""

    equation: Literal[(*EQUATIONS, AUTO)] = Field(  # type: ignore[valid-type]
        "source",
        title="Equation",
        description="Change of a value while it moves. "
        + " ".join(f"{e.title.capitalize()} ({e.name}): {e.choose}" for e in EQUATIONS.values())
        + f" Automatic ({AUTO}): the equation that predicts hidden blocks of two images, or hidden "
        "images of a series, clearly better than advection with source, and otherwise the latter.",
        json_schema_extra={"advanced": True},
    )
    diffusivity: float | None = Field(
        None,
        ge=0,
        le=10_000,
        title="Diffusivity",
        description="Diffusivity of the equation of advection and diffusion, in pixels^2 per "
        "interval; if empty, it is estimated from both images.",
        json_schema_extra={"advanced": True},
    )
    capacity: float | None = Field(
        None,
        gt=0,
        title="Carrying capacity",
        description="Intensity at which limited growth ends, in the units of the images; if empty, "
        "it is the largest intensity of both images.",
        json_schema_extra={"advanced": True},
    )
    transport: Literal["stages", "characteristics"] = Field(
        "characteristics",
        title="Transport",
        description="Interpolate the latent state at every stage, as in the paper (stages), or "
        "compose the characteristics and sample the state once, which keeps detail "
        "(characteristics).",
        json_schema_extra={"advanced": True},
    )
    motion: Literal["steady", "inertial", "local"] = Field(
        "local",
        title="Motion",
        description="Change of the velocity field in time: none, so that points follow "
        "streamlines (steady); every point keeps its velocity and moves on a straight line "
        "(inertial); or steady where the field is smooth and inertial at its edges, where bodies "
        "separate (local).",
        json_schema_extra={"advanced": True},
    )
    constraint: Literal["none", "divergence_free", "irrotational", "rigid"] = Field(
        "none",
        title="Constraint",
        description="Condition that the matched velocity half way satisfies: none; no divergence, "
        "as of a flow that neither converges nor sinks (divergence_free); no rotation, as of a "
        "flow from sources (irrotational); or the motion of one rigid body, which shifts and "
        "turns (rigid). A wrong condition spoils the motion. Needs initial fields that are "
        "matched.",
        json_schema_extra={"advanced": True},
    )
    constraint_strength: float = Field(
        1.0,
        ge=0.0,
        le=1.0,
        title="Strength of the constraint",
        description="Part of the violation that is removed after each linearisation of the "
        "matching: 1 satisfies the condition exactly, less only prefers it.",
        json_schema_extra={"advanced": True},
    )
    follow_series: bool = Field(
        True,
        title="Acceleration from the series",
        description="With three images or more, measure the acceleration of each point from its "
        "velocities in neighbouring intervals, as far as these agree, instead of taking it from "
        "the motion. Paths then run through all images without a kink.",
        json_schema_extra={"advanced": True},
    )
    interpolation: Literal["bilinear", "bicubic", "spline"] = Field(
        "spline",
        title="Interpolation",
        description="Kernel with which the latent state is sampled between pixels; the cubic "
        "B-spline (spline) keeps the most detail.",
        json_schema_extra={"advanced": True},
    )
    limiter: bool = Field(
        True,
        title="Limiter",
        description="Keep the values within the range of the images: a state that is sampled "
        "within the four pixels around the place it comes from (the quasi-monotone limiter of "
        "Bermejo and Staniforth), and a decoded frame within the least and the largest value of "
        "each channel in both images. Without the limiter, rain can be negative.",
        json_schema_extra={"advanced": True},
    )
    departure: Literal["euler", "midpoint"] = Field(
        "midpoint",
        title="Departure points",
        description="Velocity that carries a point through a stage: the velocity at the start of "
        "the path, as in equation 5 (euler, first order), or at its middle (midpoint, second "
        "order).",
        json_schema_extra={"advanced": True},
    )
    border: Literal["clamp", "exclude"] = Field(
        "exclude",
        title="Border",
        description="Inflow across the border of the image: repeats the border pixels and counts "
        "in the loss (clamp), or is left out of the loss and filled from the image that contains "
        "it (exclude).",
        json_schema_extra={"advanced": True},
    )
    visibility: bool = Field(
        True,
        title="Visibility",
        description="Reduce the weight of an image in which a place has almost no area, such as "
        "the water in a crack before the crack opens.",
        json_schema_extra={"advanced": True},
    )
