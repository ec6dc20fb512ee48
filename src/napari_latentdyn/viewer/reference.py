"""What all layers of a result share: time axis, place, name and metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.arrows import make_arrows
from napari_latentdyn.core.dynamics.texture import texture
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.units import known_units
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.timeline import Timeline

__all__ = [
    "METADATA_KEY",
    "LayerTuple",
    "Reference",
    "arrow_confidence",
    "arrow_layer",
    "interval_of",
]

LayerTuple = tuple[Any, dict[str, Any], str]
METADATA_KEY = "latentdyn"


@dataclass(frozen=True, eq=False)
class Reference:
    """What all layers of a result share.

    Attributes
    ----------
    line : Timeline
        The time axis.
    place : Geometry
        Where the images lie.
    name : str
        Start of the layers' names.
    common : dict
        Metadata of all layers.
    """

    line: Timeline
    place: Geometry
    name: str
    common: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        *,
        times: NDArray[np.floating],
        stages: int,
        settings: Settings,
        report: Mapping[str, Any],
        placement: Geometry | None,
        run_id: str,
        name: str,
    ) -> Self:
        """Build it from what is known about a run; arguments as in `layers.result_layers`."""
        interval = interval_of(report, settings)
        place = placement or Geometry()
        line = Timeline(
            np.asarray(times, dtype=np.float64),
            stages,
            (interval["value"], interval["unit"]) if interval else None,
        )
        common = {
            "run_id": run_id,
            "version": report.get("version"),
            "settings": settings.model_dump(mode="json"),
            "inputs": report.get("inputs"),
            "interval": interval,
            "times": line.times.tolist(),
            "field_times": (np.arange(stages) / stages).tolist(),
            "evenly_spaced": line.is_even,
            "placement": place.to_report(),
        }
        return cls(line, place, name, common)

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
        """Return data as a layer that lies where the images lie.

        Parameters
        ----------
        data : array_like
            Of axes (t, y, x), after `channels` others.
        kind : str
            Type of the layer.
        role : str
            What it is; runs renew their layers by it.
        title : str
            End of its name; may be empty.
        along : {"frames", "fields"}
            Whether its positions in time are frames, or what the fields have.
        channels : int
            Number of axes in front of the time.
        info : mapping, optional
            More metadata.
        **looks
            Other arguments of the layer.
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
    reference: Reference,
    velocity: NDArray[np.float32],
    *,
    spacing: int | None = None,
    length: float | None = None,
    colour: Literal["speed", "direction"] = "speed",
    confidence: NDArray[np.floating] | None = None,
) -> LayerTuple:
    """Return the arrows of all stages.

    Parameters
    ----------
    reference : Reference
        What the layers of the result share.
    velocity : ndarray of float32, shape (n, 2, H, W)
        (dy, dx) in pixels per stage.
    spacing : int, optional
        Distance between two arrows in pixels.
    length : float, optional
        Factor by which arrows are longer than the motion of one stage.
    colour : {"speed", "direction"}
        What their colour tells; the direction goes round a cyclic colour map.
    confidence : ndarray, shape (n, H, W), optional
        How far the velocity is to be trusted; arrows of little confidence are
        left out.
    """
    arrows = make_arrows(
        velocity, reference.line.shown, spacing, length=length, confidence=confidence
    )
    fastest = float(arrows.features["speed"].max(initial=0.0))
    limits = (0.0, fastest if fastest > 0 else 1.0)
    looks: dict[str, Any] = {"edge_color": colour} if len(arrows.data) else {"ndim": 3}
    return reference.layer(
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


def arrow_confidence(
    frames: NDArray[np.floating],
    times: NDArray[np.floating],
    stages: int,
    confidence: NDArray[np.floating] | None = None,
) -> NDArray[np.float32]:
    """Return how far the velocity of each stage is to be trusted, (n, H, W), from 0 to 1.

    Parameters
    ----------
    frames : ndarray, shape (T, H, W) or (T, C, H, W)
        Where they show no texture, nothing shows their motion.
    times : ndarray, shape (T,)
        Of the frames, as fractions of the interval.
    stages : int
        Number n of fields.
    confidence : ndarray, shape (T, H, W), optional
        That of the frames: where members and ends do not agree, the motion is
        doubtful, too.
    """
    known = np.asarray(times, np.float64)
    found = []
    for stage in range(stages):
        # Arrows start where things are at the beginning of a stage.
        start, end = (int(np.abs(known - at / stages).argmin()) for at in (stage, stage + 1))
        seen = texture(frames[start])
        if confidence is not None:
            seen = seen * np.minimum(confidence[start], confidence[end])
        found.append(seen)
    return np.stack(found).astype(np.float32)


def interval_of(report: Mapping[str, Any], settings: Settings) -> dict[str, Any] | None:
    """Return the time between the images and its unit, None if nobody said."""
    given = report.get("interval")
    if given and given.get("value"):
        return {"value": float(given["value"]), "unit": str(given["unit"])}
    if settings.images.interval:
        return {"value": settings.images.interval, "unit": settings.images.interval_unit}
    return None
