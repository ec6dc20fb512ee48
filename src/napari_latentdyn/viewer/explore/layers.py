"""Maps, strain axes, streamlines and latent states as napari layers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.arrows import MAX_ARROWS
from napari_latentdyn.core.dynamics.deformation import QUANTITIES, Deformation
from napari_latentdyn.core.dynamics.grids import evenly_spaced
from napari_latentdyn.core.dynamics.streamlines import streamlines
from napari_latentdyn.viewer.explore.options import ArrowOptions, MapOptions, StreamlineOptions
from napari_latentdyn.viewer.explore.subject import Subject
from napari_latentdyn.viewer.layers import contrast_limits
from napari_latentdyn.viewer.reference import LayerTuple, Reference, arrow_layer

__all__ = [
    "arrows",
    "axes_layer",
    "deformation_of",
    "latent_layers",
    "map_layer",
    "reference_of",
    "streamline_layer",
]

#: Maps in which zero lies in the middle: both signs are told apart by colour.
_SIGNED = ("divergence", "vorticity")
#: Crosses across the longer side.
_CROSSES = 24
_RATES = ("divergence", "vorticity", "normal_strain", "shear_strain")
#: Part of the values of a map that lie within its colours.
_WITHIN = 99.0


def reference_of(subject: Subject) -> Reference:
    """Return what all layers of a subject share."""
    return Reference.of(
        times=subject.times,
        stages=len(subject.velocity),
        settings=subject.settings,
        report=subject.report,
        placement=subject.placement,
        run_id=subject.run_id,
        name=subject.name,
    )


def arrows(
    subject: Subject,
    options: ArrowOptions,
    confidence: NDArray[np.floating] | None = None,
) -> LayerTuple:
    """Return the arrows of all stages, without those of little confidence, (n, H, W)."""
    return arrow_layer(
        reference_of(subject),
        subject.velocity,
        spacing=options.spacing,
        length=options.length,
        colour=options.colour,
        confidence=confidence if options.hide_doubtful else None,
    )


def deformation_of(subject: Subject, smooth: float = 0.0) -> Deformation:
    """Return the rates of deformation of a subject in its own units.

    Raises
    ------
    GeometryError
        If its image is sheared, or has different units down and to the right.
    """
    return Deformation.of(subject.velocity, subject.geometry, subject.timescale, smooth=smooth)


def map_layer(subject: Subject, found: Deformation, options: MapOptions) -> LayerTuple:
    """Return a map for every stage.

    Parameters
    ----------
    subject : Subject
        What is explored.
    found : Deformation
        Its rates of deformation.
    options : MapOptions
        `kind` is used, and is not "none".
    """
    values = found.quantity(options.kind).astype(np.float32, copy=False)
    signed = options.kind in _SIGNED
    finite = np.abs(values[np.isfinite(values)])
    most = float(np.percentile(finite, _WITHIN)) if finite.size else 0.0
    most = most if most > 0 else 1.0
    unit = found.unit(options.kind)
    return reference_of(subject).layer(
        _as_shown(values, subject),
        "image",
        "map",
        f"{QUANTITIES[options.kind].lower()} ({unit})",
        along="fields",
        info={"quantity": options.kind, "unit": unit},
        rgb=False,
        colormap="RdBu_r" if signed else "magma",
        contrast_limits=(-most, most) if signed else (0.0, most),
        blending="translucent_no_depth",
        opacity=0.8,
    )


def axes_layer(subject: Subject, found: Deformation) -> LayerTuple:
    """Return crosses along the directions of most and least stretching of every stage.

    The longest cross is about as long as two of them are apart; colours tell
    stretching (positive) from squeezing.
    """
    height, width = subject.shape
    line = subject.timeline
    chosen = np.arange(len(subject.velocity)) if line.shown is None else line.shown
    step = max(1, math.ceil(max(height, width) / _CROSSES))
    while 2 * len(chosen) * (height // step + 1) * (width // step + 1) > MAX_ARROWS:
        step += 1
    rows, columns = (evenly_spaced(size, step) for size in (height, width))
    thin = np.ix_(np.arange(len(subject.velocity)), rows, columns)
    few = replace(found, **{name: getattr(found, name)[thin] for name in ("speed", *_RATES)})
    angle = few.principal_angle
    rates = np.stack([few.principal_first, few.principal_second])
    most = float(np.nanpercentile(np.abs(rates), _WITHIN)) if rates.size else 0.0
    length = 0.9 * step / most if most > 0 else 0.0
    data, signs = [], []
    places = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
    for position, stage in enumerate(chosen):
        for rate, turn in zip(rates[:, stage], (0.0, math.pi / 2), strict=True):
            way = np.stack([np.sin(angle[stage] + turn), np.cos(angle[stage] + turn)], axis=-1)
            way = way * np.clip(np.abs(rate) * length, 0, 1.5 * step)[..., None]
            vectors = np.zeros((rate.size, 2, 3), np.float32)
            vectors[:, 0, 0] = position
            vectors[:, 0, 1:] = (places - way / 2).reshape(-1, 2)
            vectors[:, 1, 1:] = way.reshape(-1, 2)
            data.append(vectors)
            signs.append(rate.ravel())
    crosses, rate = np.concatenate(data), np.concatenate(signs)
    known = np.isfinite(crosses).all(axis=(1, 2)) & np.isfinite(rate)
    return reference_of(subject).layer(
        crosses[known],
        "vectors",
        "strain_axes",
        "strain axes",
        along="fields",
        info={"unit": found.rate_unit},
        features={"rate": rate[known]},
        edge_color="rate",
        edge_colormap="coolwarm",
        edge_contrast_limits=(-most, most) if most > 0 else (-1.0, 1.0),
        edge_width=max(0.5, step / 8),
        vector_style="line",
        length=1.0,
    )


def streamline_layer(subject: Subject, options: StreamlineOptions) -> LayerTuple:
    """Return the streamlines of every stage, as short pieces that tell the speed by colour."""
    line = subject.timeline
    chosen = np.arange(len(subject.velocity)) if line.shown is None else line.shown
    step = max(2.0, max(subject.shape) / 128)
    found: dict[int, list[NDArray[np.float64]]] = {}
    while True:
        earlier: int | None = None
        for stage in np.unique(chosen).tolist():
            field = subject.velocity[stage]
            if earlier is not None and np.array_equal(field, subject.velocity[earlier]):
                found[stage] = found[earlier]
            else:
                found[stage] = streamlines(field, density=options.density, step=step)
            earlier = stage
        pieces = sum(len(path) - 1 for stage in chosen for path in found[int(stage)])
        if pieces <= MAX_ARROWS:
            break
        step *= 1.5 * pieces / MAX_ARROWS
    starts, ways = [], []
    for position, stage in enumerate(chosen):
        for path in found[int(stage)]:
            begin = np.column_stack([np.full(len(path) - 1, position), path[:-1]])
            starts.append(begin)
            ways.append(np.column_stack([np.zeros(len(path) - 1), np.diff(path, axis=0)]))
    empty = np.zeros((0, 3))
    data = np.stack([np.concatenate([empty, *starts]), np.concatenate([empty, *ways])], axis=1)
    rows, columns = (np.rint(data[:, 0, axis]).astype(int) for axis in (1, 2))
    height, width = subject.shape
    at = (chosen[data[:, 0, 0].astype(int)], np.clip(rows, 0, height - 1))
    moved = np.moveaxis(subject.velocity, 1, -1)[(*at, np.clip(columns, 0, width - 1))]
    speed = np.hypot(moved[:, 0], moved[:, 1])
    fastest = float(speed.max(initial=0.0))
    looks: dict[str, Any] = {"edge_color": "speed"} if len(data) else {"ndim": 3}
    return reference_of(subject).layer(
        data.astype(np.float32),
        "vectors",
        "streamlines",
        "streamlines",
        along="fields",
        info={"speed_unit": "pixel per stage"},
        features={"speed": speed},
        edge_colormap="turbo",
        edge_contrast_limits=(0.0, fastest if fastest > 0 else 1.0),
        edge_width=max(0.4, max(subject.shape) / 400),
        vector_style="line",
        length=1.0,
        **looks,
    )


def latent_layers(subject: Subject, latents: NDArray[np.float32]) -> list[LayerTuple]:
    """Return one layer for each channel of the latent state, to lie side by side in a grid.

    Parameters
    ----------
    subject : Subject
        What is explored.
    latents : ndarray of float32, shape (T, c, H, W)
        Latent states at its times.
    """
    reference = reference_of(subject)
    return [
        reference.layer(
            latents[:, channel],
            "image",
            f"latent_{channel}",
            f"latent channel {channel}",
            rgb=False,
            contrast_limits=contrast_limits(latents[[0, -1], channel]),
        )
        for channel in range(latents.shape[1])
    ]


def _as_shown(values: NDArray[np.float32], subject: Subject) -> NDArray[np.float32]:
    shown = subject.timeline.shown
    return values if shown is None else values[shown]
