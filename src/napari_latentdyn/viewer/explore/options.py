"""How a result is shown: described once, for the form and for scripts."""

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
        title="Between the ends",
        description="Number of frames between the first and the last image, evenly spaced. They "
        "are computed from the result and may be finer than its stages; nothing is trained.",
    )


class ArrowOptions(FrozenModel):
    """Arrows of the advection fields."""

    spacing: int | None = Field(
        None,
        ge=1,
        le=10_000,
        title="Spacing",
        description="Distance between two arrows; auto is about 24 arrows across the image.",
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
        description="Leave out arrows where the frames show no texture that could tell motion "
        "from rest, and where the confidence, if there is a layer of it, is low.",
    )
    colour: Literal["speed", "direction"] = Field(
        "speed",
        title="Colour",
        description="Whether the colour of an arrow shows speed or direction.",
    )


class MapOptions(FrozenModel):
    """Maps of what is derived from the fields."""

    kind: Literal["none", "speed", "divergence", "vorticity", "shear", "total"] = Field(
        "none",
        title="Map",
        description="Speed, or a rate of deformation: divergence (positive where things part), "
        "vorticity (positive where things turn clockwise on the screen), maximum shear, or total "
        "deformation; per unit of time where the interval is known.",
    )
    smooth: float = Field(
        0.0,
        ge=0,
        le=100,
        title="Smoothing",
        description="Standard deviation of the Gaussian that smooths the velocity before rates of "
        "deformation are taken of it.",
        json_schema_extra={"unit": "pixels"},
    )
    axes: bool = Field(
        False,
        title="Strain axes",
        description="Crosses along the directions in which things are stretched most and least: "
        "the colour tells stretching from squeezing, the length how much.",
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
        description="How densely lines lie: 1 keeps them a thirtieth of the longer side apart, 2 "
        "half of that.",
    )


class TracerOptions(FrozenModel):
    """Points that are carried along the fields."""

    spacing: int | None = Field(
        None,
        ge=1,
        le=10_000,
        title="Spacing",
        description="Distance between the points of a grid; auto is about 16 across the image.",
        json_schema_extra={"unit": "pixels"},
    )
    start: Literal["slider", "first", "last"] = Field(
        "slider",
        title="Placed at",
        description="Time at which the points are where you put them: where the time slider "
        "stands, or at the first or the last image. They are followed back and forth from there.",
    )


class ExploreOptions(FrozenModel):
    """All of them."""

    frames: FrameOptions = Field(FrameOptions(), title="Frames")
    arrows: ArrowOptions = Field(ArrowOptions(), title="Arrows")
    maps: MapOptions = Field(MapOptions(), title="Maps")
    streamlines: StreamlineOptions = Field(StreamlineOptions(), title="Streamlines")
    tracers: TracerOptions = Field(TracerOptions(), title="Tracers")
