"""Options of the layers of *Explore dynamics*."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_latentdyn.settings.base import FrozenModel

__all__ = [
    "ArrowOptions",
    "ExploreOptions",
    "FrameOptions",
    "MapOptions",
    "StreamlineOptions",
    "TracerOptions",
]


class FrameOptions(FrozenModel):
    """Frames in between."""

    count: int = Field(
        15,
        ge=1,
        le=400,
        title="In between",
        description="Number of frames between an image and the next one, evenly spaced. They "
        "are computed from the result and may be finer than its stages; nothing is trained.",
    )


class ArrowOptions(FrozenModel):
    """Arrows of the advection fields."""

    spacing: int | None = Field(
        None,
        ge=1,
        le=10_000,
        title="Spacing",
        description="Distance between two arrows; auto gives about 24 arrows across the image.",
        json_schema_extra={"unit": "pixels"},
    )
    length: float | None = Field(
        None,
        gt=0,
        le=1000,
        title="Length",
        description="Length of an arrow relative to the displacement in one stage; auto makes long "
        "arrows about as long as their spacing.",
    )
    hide_doubtful: bool = Field(
        True,
        title="Hide doubtful",
        description="Leave out arrows where the frames have no texture, so that motion is "
        "invisible, and where the layer of confidence, if any, is low.",
    )
    colour: Literal["speed", "direction"] = Field(
        "speed",
        title="Colour",
        description="Whether the colour of an arrow shows speed or direction.",
    )
    uncertainty: Literal["none", "1", "2", "5", "10"] = Field(
        "none",
        title="Uncertainty",
        description="Circles around the tips of the arrows, at their scale: the radius is that "
        "many standard deviations of each component of the velocity. The true tip lies inside of "
        "one in about 45 %, inside of two in about 86 % of the places without a cross. Crosses "
        "mark places where nothing shows the motion.",
    )


class MapOptions(FrozenModel):
    """Maps of quantities derived from the fields."""

    kind: Literal["none", "speed", "uncertainty", "divergence", "vorticity", "shear", "total"] = (
        Field(
            "none",
            title="Map",
            description="Speed, its uncertainty (the standard deviation of each component of the "
            "velocity), or a rate of deformation: divergence (positive where material spreads), "
            "vorticity (positive for clockwise rotation on the screen), maximum shear, or total "
            "deformation; per unit of time if the interval is known.",
        )
    )
    smooth: float = Field(
        0.0,
        ge=0,
        le=100,
        title="Smoothing",
        description="Standard deviation of the Gaussian that smooths the velocity before rates of "
        "deformation are computed.",
        json_schema_extra={"unit": "pixels"},
    )
    axes: bool = Field(
        False,
        title="Strain axes",
        description="Crosses along the directions of largest and smallest stretching: the colour "
        "distinguishes stretching from squeezing, the length is the rate.",
    )


class StreamlineOptions(FrozenModel):
    """Streamlines of each stage."""

    shown: bool = Field(
        False,
        title="Streamlines",
        description="Lines tangent to the current velocity.",
    )
    density: float = Field(
        1.0,
        gt=0,
        le=5,
        title="Density",
        description="Density of the lines: 1 keeps them a thirtieth of the longer side apart, 2 "
        "half of that.",
    )


class TracerOptions(FrozenModel):
    """Points that follow the fields."""

    spacing: int | None = Field(
        None,
        ge=1,
        le=10_000,
        title="Spacing",
        description="Distance between the points of a grid; auto gives about 16 points across the "
        "image.",
        json_schema_extra={"unit": "pixels"},
    )
    start: Literal["slider", "first", "last"] = Field(
        "slider",
        title="Placed at",
        description="Time at which the points are at the positions chosen: the time of the "
        "slider, or of the first or last image. Paths extend in both directions of time.",
    )


class ExploreOptions(FrozenModel):
    """Options of all layers."""

    frames: FrameOptions = Field(FrameOptions(), title="Frames")
    arrows: ArrowOptions = Field(ArrowOptions(), title="Arrows")
    maps: MapOptions = Field(MapOptions(), title="Maps")
    streamlines: StreamlineOptions = Field(StreamlineOptions(), title="Streamlines")
    tracers: TracerOptions = Field(TracerOptions(), title="Tracers")
