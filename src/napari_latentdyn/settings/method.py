"""Settings of the method: images, patches, networks, physics."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from napari_latentdyn.equations import EQUATIONS
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
        description="Time that passed between the two images; empty counts in stages. For images "
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
        description="Number of equal parts into which the time between the images is divided; each "
        "has its own velocity field and arrows. Stages are neither training steps nor pictures: "
        "frames can be computed at any time within a stage.",
    )
    latent_channels: int = Field(
        12,
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
    contrast: bool = Field(
        True,
        title="Local contrast",
        description="Show the encoder, besides the image, its local contrast, which does not "
        "change with brightness and weighs faint texture like a strong one.",
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
        description="Factor by which these channels grow at each of the three down-samplings: "
        "many at first (1) are needed to read the correlation.",
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
    timing: Literal["even", "free"] = Field(
        "even",
        title="Timing",
        description="What training adds to the initial fields may differ from stage to stage, as "
        "in the paper (free), or is the same at every stage (even): the two images alone "
        "determine where things went, not when.",
        json_schema_extra={"advanced": True},
    )
    levels: int = Field(
        5,
        ge=1,
        le=8,
        title="Pyramid levels",
        description="Coarse to fine: fields are extracted on images halved this many times less "
        "one, with the same weights, and refined level by level; 1 works on the finest level only.",
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
        description="Distance in pixels of a level up to which the two latent states, carried half "
        "way, are correlated for the extraction; 0 does without. Used with fields from both.",
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
        6,
        ge=1,
        le=6,
        title="Members",
        description="Number of matched velocities, each with another stiffness and another view of "
        "the images; fields that are not matched have one. The state is the mean over them, and "
        "where they disagree the result is uncertain; time grows with their number.",
        json_schema_extra={"advanced": True},
    )
    refinement: Literal["short", "full"] = Field(
        "full",
        title="Refinement",
        description="How long matching works: on images of every size for each member (full), or "
        "on images of up to a quarter of the size once for all members, for each member at half "
        "of the size, and only little at full size (short).",
        json_schema_extra={"advanced": True},
    )
    weighting: Literal["equal", "held_out"] = Field(
        "held_out",
        title="Weighting",
        description="All members count alike (equal), or each by how well it predicts blocks of "
        "the images that were hidden from it, beside a member in which nothing moves (held_out): "
        "that one counts where images change in other ways than by motion.",
        json_schema_extra={"advanced": True},
    )


class PhysicsSettings(FrozenModel):
    """The equation that the latent state follows, and how it is solved (HLG 3c, 5 and 6)."""

    equation: Literal[tuple(EQUATIONS)] = Field(  # type: ignore[valid-type]
        "source",
        title="Equation",
        description="What happens to a value while it moves. "
        + " ".join(f"{e.title.capitalize()} ({e.name}): {e.choose}" for e in EQUATIONS.values()),
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
        description="How the field itself changes: it stays as it is, so that points follow its "
        "streamlines (steady), every point keeps its velocity and goes straight on (inertial), or "
        "steady where the field is smooth and inertial at its edges, where bodies part (local).",
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
        "each channel in both images. Without it rain can be negative.",
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
    visibility: bool = Field(
        True,
        title="Visibility",
        description="Take less from an end in which a place was squeezed to nothing, like the "
        "water in a crack before it opened.",
        json_schema_extra={"advanced": True},
    )
