"""Settings of a run: training and output."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from napari_latentdyn.settings.base import FrozenModel

__all__ = ["STARTS", "OutputSettings", "TrainingSettings"]

#: Values of `training.start_from` besides the folder of a run.
STARTS = ("prior", "scratch")


Size = Annotated[int, Field(ge=16, le=8192)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class TrainingSettings(FrozenModel):
    """The fit to the two images: loss (HLG equations 7 to 9), optimiser, device."""

    start_from: str = Field(
        "scratch",
        min_length=1,
        title="Start from",
        description="Weights from which the networks start: random ones (scratch), those of the "
        "network pretrained on generated scenes (prior), or those of a saved run, by its folder. "
        "From scratch and without training steps no network is used, and matching alone makes the "
        "result. A pretrained network proposes the velocity that matching starts from, and its "
        "decoder corrects the frames.",
    )
    from_series: bool = Field(
        True,
        title="Learn from the series",
        description="With three images or more, hide images in turn, predict them from their "
        "neighbours, and learn from the difference how to correct frames. The correction is kept "
        "if it helps for images that it was not learned from. Takes about as long as matching "
        "all neighbours.",
    )
    steps: int = Field(
        0,
        ge=0,
        le=1_000_000,
        title="Steps",
        description="Steps of the optimiser that trains the networks; 0 trains nothing and keeps "
        "the matched velocity. After matching, training changes frames by a few hundredths of a "
        "decibel; without matching, as in the paper, training finds all motion. Steps are "
        "unrelated to time in the images: stages divide the time between them, and frames in "
        "between are the pictures that are computed.",
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
    learned_rate: float = Field(
        0.01,
        gt=0,
        le=1,
        title="Rate for pretrained weights",
        description="Fraction of the learning rate for pretrained weights. The first steps of Adam "
        "move all weights alike and would undo the pretraining on true frames in between, and two "
        "images cannot restore the prior.",
        json_schema_extra={"advanced": True},
    )
    data_term: Literal["square", "robust"] = Field(
        "robust",
        title="Data term",
        description="Penalty on differences of intensity: their square, as in the paper, or a "
        "smoothed absolute value, on which outliers such as new cracks have less influence "
        "(robust).",
        json_schema_extra={"advanced": True},
    )
    weight_match: float = Field(
        1.0,
        ge=0,
        le=1e6,
        title="Weight of the match",
        description="Weight of equation 7: difference between the last image and the advected, "
        "decoded first image.",
        json_schema_extra={"advanced": True},
    )
    weight_autoencoding: float = Field(
        1.0,
        ge=0,
        le=1e6,
        title="Weight of auto-encoding",
        description="Weight of equation 8: difference between each image and its encoded, decoded "
        "copy. Without this term the fields stay trivial.",
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
        "A large weight assumes that the motion hardly changes within the interval.",
        json_schema_extra={"advanced": True},
    )
    smoothness: Literal["first", "second"] = Field(
        "second",
        title="Smoothness of",
        description="Differences that the smoothness in space penalises: first ones, as in the "
        "paper, or second ones, which do not penalise rotation, strain and shear.",
        json_schema_extra={"advanced": True},
    )
    keep_better: bool = Field(
        True,
        title="Keep the better fit",
        description="Restore the initial fields where the trained fields do not reduce the "
        "difference between the two images, carried half way.",
        json_schema_extra={"advanced": True},
    )
    stop_early: bool = Field(
        True,
        title="Stop without improvement",
        description="Hide blocks of the first image from the loss, and stop training when the two "
        "images, carried half way, no longer agree better in these blocks: after a quarter of the "
        "steps without improvement, 20 at least. Used where the image is kept in the latent "
        "state; a decoder with random weights has to be trained first.",
        json_schema_extra={"advanced": True},
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto",
        title="Device",
        description="Device of the training: auto uses a GPU if PyTorch can use one.",
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
        description="Seed of all random numbers: the same seed gives the same result on the CPU.",
        json_schema_extra={"advanced": True},
    )


class OutputSettings(FrozenModel):
    """Frames to compute, and parts of a result to show."""

    frames: int | None = Field(
        None,
        ge=0,
        le=10_000,
        title="Frames in between",
        description="Number of evenly spaced pictures computed between the two images; empty "
        "computes one at every stage. More frames make a smoother film of the same motion.",
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
        description="Distance between the arrows of the advection fields; if empty, it is chosen "
        "automatically.",
        json_schema_extra={"unit": "pixels", "advanced": True},
    )
    hide_doubtful: bool = Field(
        True,
        title="Hide doubtful arrows",
        description="Leave out arrows where the images have no texture, so that motion is "
        "invisible, and where the confidence, if it is computed, is low.",
        json_schema_extra={"advanced": True},
    )
    latents: bool = Field(
        False,
        title="Latent states",
        description="Add a layer with the latent states.",
        json_schema_extra={"advanced": True},
    )
    confidence: bool = Field(
        False,
        title="Confidence",
        description="Add a layer with the confidence of every frame, from 0 to 1: the agreement "
        "of the members and of both ends.",
        json_schema_extra={"advanced": True},
    )
    preview: bool = Field(
        True,
        title="Live preview",
        description="Show the frame half way between the images during training.",
    )
    keep_previous: bool = Field(
        False,
        title="Keep earlier results",
        description="Add new layers for every run, instead of updating the layers of the last run "
        "on the same two images.",
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
