"""Settings of the method: images, patches, networks."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from napari_latentdyn.settings.base import FrozenModel

__all__ = ["ImageSettings", "ModelSettings", "PatchSettings"]


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
