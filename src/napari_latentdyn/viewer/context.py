"""Time axis, position, name and metadata that all layers of a result share."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.arrows import make_arrows
from napari_latentdyn.core.dynamics.texture import texture
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.units import known_units
from napari_latentdyn.core.knowledge.knowledge import in_words
from napari_latentdyn.viewer.timeline import Timeline, timeline_of

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.motion import Motion
    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = [
    "METADATA_KEY",
    "LayerContext",
    "LayerTuple",
    "arrow_layer",
    "elapsed_times",
    "mark_of",
    "stage_confidence",
]

LayerTuple = tuple[Any, dict[str, Any], str]
METADATA_KEY = "latentdyn"


def mark_of(layer: Any) -> dict[str, Any]:
    """Return the metadata that this plugin wrote into a layer, empty for other layers."""
    mark = layer.metadata.get(METADATA_KEY)
    return mark if isinstance(mark, dict) else {}


def elapsed_times(mark: Mapping[str, Any]) -> tuple[NDArray[np.float64], str] | None:
    """Return the times of frames since the first image, and their unit, from such metadata."""
    times, interval = mark.get("times"), mark.get("interval")
    if not times or not interval:
        return None
    start = (mark.get("observation_times") or [0.0])[0]
    elapsed = (np.asarray(times, np.float64) - start) * float(interval["value"])
    return elapsed, str(interval["unit"])


@dataclass(frozen=True, eq=False)
class LayerContext:
    """Time axis, position, name prefix and metadata that all layers of a result share."""

    line: Timeline
    place: Geometry
    name: str
    common: Mapping[str, Any]

    @classmethod
    def of(cls, dynamics: Dynamics) -> Self:
        """Return the context of the layers of a result."""
        common = {
            "run_id": dynamics.run_id,
            "version": dynamics.report.version,
            "settings": dynamics.settings.model_dump(mode="json"),
            "inputs": [source.model_dump(exclude_none=True) for source in dynamics.report.inputs],
            "field_times": dynamics.field_times.tolist(),
            "observation_times": dynamics.observation_times.tolist(),
        }
        if dynamics.report.known is not None:
            common["known"] = in_words(dynamics.report.known.model_dump())
        if dynamics.folder is not None:
            common["folder"] = str(dynamics.folder)
        return cls.on(timeline_of(dynamics), dynamics.placement, dynamics.name, common)

    @classmethod
    def on(cls, line: Timeline, place: Geometry, name: str, common: Mapping[str, Any]) -> Self:
        """Return a context whose metadata include the time axis and the position."""
        interval = line.interval
        axis = {
            "interval": dict(zip(("value", "unit"), interval, strict=True)) if interval else None,
            "times": line.times.tolist(),
            "evenly_spaced": line.is_even,
            "placement": place.to_report(),
        }
        return cls(line, place, name, {**common, **axis})

    def layer(
        self,
        data: Any,
        kind: str,
        role: str,
        title: str,
        *,
        along: Literal["frames", "fields"] = "frames",
        channels: int = 0,
        info: Mapping[str, Any] | None = None,
        **looks: Any,
    ) -> LayerTuple:
        """Return a layer at the position of the images; its data has axes (channels..., t, y, x).

        `role` identifies the layer within its run, `title` ends its name, `along` says which
        time axis the data has, and `looks` are further arguments of the layer.
        """
        time = self.line.of_frames if along == "frames" else self.line.of_fields
        transform = self.place.layer_kwargs(
            scale=(1.0,) * channels + time[:1],
            translate=(0.0,) * channels + time[1:],
            units=("pixel",) * channels + (self.line.unit,),
            axis_labels=("channel",) * channels + ("t",),
        )
        # napari refuses a layer with a unit that it does not know.
        transform["units"] = known_units(transform["units"])
        metadata = {METADATA_KEY: {**self.common, "role": role, **(info or {})}}
        return (
            data,
            {"name": f"{self.name} {title}".strip(), **looks, **transform, "metadata": metadata},
            kind,
        )


def arrow_layer(
    context: LayerContext,
    velocity: NDArray[np.float32],
    *,
    spacing: int | None = None,
    length: float | None = None,
    colour: Literal["speed", "direction"] = "speed",
    confidence: Iterable[NDArray[np.floating]] | None = None,
) -> LayerTuple:
    """Return the arrows of all stages.

    `velocity` is (n, 2, H, W), (dy, dx) in pixels per stage, and `confidence` (n, H, W): arrows of
    low confidence are left out. `length` is relative to the displacement in one stage.
    """
    arrows = make_arrows(
        velocity, context.line.shown, spacing, length=length, confidence=confidence
    )
    fastest = float(arrows.features["speed"].max(initial=0.0))
    limits = (0.0, fastest if fastest > 0 else 1.0)
    looks: dict[str, Any] = {"edge_color": colour} if len(arrows.data) else {"ndim": 3}
    return context.layer(
        arrows.data,
        "vectors",
        "fields",
        "motion",
        along="fields",
        info={
            "arrow_length": arrows.length,
            "arrow_spacing": arrows.spacing,
            "arrows_hidden": arrows.hidden,
            "speed_unit": "pixel per stage",
        },
        features=arrows.features,
        length=arrows.length,
        edge_width=arrows.width,
        edge_colormap="turbo" if colour == "speed" else "hsv",
        edge_contrast_limits=limits if colour == "speed" else (-180.0, 180.0),
        vector_style="arrow",
        opacity=0.9,
        **looks,
    )


def stage_confidence(
    frames: NDArray[np.floating],
    motion: Motion,
    times: NDArray[np.float64],
    confidence: NDArray[np.floating] | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Yield the confidence of the velocity of each stage, (H, W), from 0 to 1.

    The confidence is low where the frames, (T, H, W) or (T, C, H, W), have no texture, and where
    `confidence`, (T, H, W), is low: there the ensemble members or both ends disagree. `times`
    (T,) are those of the frames, which may be the images.
    """
    known, seen = -1, np.empty(0, np.float32)
    for bounds in itertools.pairwise(motion.stage_edges):
        # Arrows start at the positions at the beginning of a stage.
        start, end = (int(np.abs(times - at).argmin()) for at in bounds)
        if start != known:
            known, seen = start, texture(np.asarray(frames[start]))
        trust = seen
        if confidence is not None:
            trust = seen * np.minimum(confidence[start], confidence[end])
        yield trust.astype(np.float32, copy=False)
