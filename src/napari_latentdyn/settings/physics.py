"""Settings of the equation, and of the motion that it carries along."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_latentdyn.equations import AUTO, EQUATIONS
from napari_latentdyn.settings.base import FrozenModel

__all__ = ["PhysicsSettings"]


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
