"""What a training of the prior is told: all of it is written beside the weights."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_latentdyn.settings.base import FrozenModel

__all__ = ["Plan"]


class Plan(FrozenModel):
    """Settings of a training of the prior."""

    steps: int = Field(3550, ge=1, description="Optimiser steps, over which the rate decays.")
    batch: int = Field(8, ge=1, description="Pairs of images in each step.")
    fresh: int = Field(
        3, ge=1, description="Scenes made again for each step; the rest are seen again, altered."
    )
    coarse: int = Field(
        3050,
        ge=0,
        description="Steps in which fields are extracted only on images halved once more, which "
        "takes a quarter of the time; the weights of all levels are the same.",
    )
    simple: int = Field(
        600, ge=0, description="Steps over which simple scenes give way to all kinds."
    )
    pool: int = Field(160, ge=1, description="Scenes that are kept to be seen again.")
    size: int = Field(144, ge=32, description="Side of the scenes in pixels.")
    longest: float = Field(40.0, gt=0, description="Longest displacement in pixels.")
    learning_rate: float = Field(1e-3, gt=0, description="Largest rate of AdamW.")
    warm_up: int = Field(100, ge=0, description="Steps in which the rate grows to it.")
    final_rate: float = Field(0.02, gt=0, le=1, description="Part of it that is left at the end.")
    weight_decay: float = Field(1e-5, ge=0, description="Of AdamW.")
    averaging: float = Field(
        0.998,
        ge=0,
        lt=1,
        description="The weights that are kept are means over about 1/(1-x) steps.",
    )
    weight_frames: float = Field(3.0, ge=0, description="Weight of the frames in between.")
    weight_ends: float = Field(0.5, ge=0, description="Weight of both ends encoded and decoded.")
    given_start: float = Field(
        0.25, ge=0, le=1, description="Part of the pairs that start near the true velocity."
    )
    frames_every: int = Field(6, ge=1, description="Frames count in every so many steps.")
    frames_batch: int = Field(4, ge=1, description="Pairs of which frames are decoded.")
    decoder_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Part of what the decoder learned to change that is kept; all of it blurs.",
    )
    seed: int = Field(0, ge=0, description="Start of all random numbers.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where to train.")
    threads: int = Field(1, ge=1, description="CPU threads of the networks.")
    workers: int = Field(
        1, ge=0, description="Processes that make scenes; 0 makes them in between."
    )
    report_every: int = Field(50, ge=1, description="Steps from one line of the log to the next.")
    save_every: int = Field(250, ge=1, description="Steps from one checkpoint to the next.")
