"""Maps, strain axes, streamlines and latent states as napari layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.arrows import MAX_ARROWS, Arrows
from napari_latentdyn.core.dynamics.circles import make_circles
from napari_latentdyn.core.dynamics.deformation import QUANTITIES, Deformation
from napari_latentdyn.core.dynamics.grids import evenly_spaced
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.dynamics.streamlines import streamlines
from napari_latentdyn.errors import GeometryError
from napari_latentdyn.settings.words import WORDS
from napari_latentdyn.viewer.context import LayerContext, LayerTuple, arrow_layer, mark_of
from napari_latentdyn.viewer.explore.options import ArrowOptions, MapOptions, StreamlineOptions
from napari_latentdyn.viewer.layers import contrast_limits
from napari_latentdyn.viewer.timeline import timeline_of

if TYPE_CHECKING:
    from napari.layers import Vectors

__all__ = [
    "arrows",
    "axes_layer",
    "circle_layer",
    "latent_layers",
    "map_layer",
    "pixel_per_stage",
    "streamline_layer",
    "uncertainty_layer",
]

#: Maps with a diverging colour map centred at zero.
_SIGNED = ("divergence", "vorticity")
#: Number of crosses along the longer side.
_CROSSES = 24
#: Not a colour of the arrows' speed, nor of grey images.
_CIRCLES = "magenta"
_RATES = ("divergence", "vorticity", "normal_strain", "shear_strain")
#: Percentile of the absolute values at which colours saturate.
_WITHIN = 99.0


def arrows(
    dynamics: Dynamics,
    options: ArrowOptions,
    confidence: Iterable[NDArray[np.floating]] | None = None,
) -> LayerTuple:
    """Return the arrows of all stages; `confidence` is (H, W) for each of the n stages."""
    return arrow_layer(
        LayerContext.of(dynamics),
        dynamics.shown_fields,
        spacing=options.spacing,
        length=options.length,
        colour=options.colour,
        confidence=confidence if options.hide_doubtful else None,
    )


def circle_layer(
    dynamics: Dynamics,
    shown: Vectors,
    deviations: tuple[NDArray[np.float32], NDArray[np.bool_]],
    count: str,
) -> LayerTuple:
    """Return circles of `count` standard deviations around the tips of the arrows that are shown.

    `deviations` are those of all stages, as `Dynamics.stage_deviations` returns them.
    """
    context = LayerContext.of(dynamics)
    spacing, length = int(mark_of(shown)["arrow_spacing"]), float(shown.length)
    known = Arrows(np.asarray(shown.data), {}, spacing, length, float(shown.edge_width))
    circles = make_circles(
        known, dynamics.shown_fields, *deviations, context.line.shown, deviations=float(count)
    )
    return context.layer(
        circles.data,
        "vectors",
        "circles",
        f"circles of {WORDS['arrows.uncertainty'][count]}",
        along="fields",
        info={
            "deviations": count,
            "places_unknown": circles.unknown,
            "deviation_unit": "pixel per stage",
            "arrow_length": 1.0,
        },
        features=circles.features,
        edge_color=_CIRCLES,
        edge_width=circles.width,
        vector_style="line",
        length=1.0,
        opacity=0.9,
        **({} if len(circles.data) else {"ndim": 3}),
    )


def pixel_per_stage(dynamics: Dynamics) -> tuple[float, str]:
    """Return one pixel per stage in physical units, and the name of the unit.

    The unit stays pixel per stage if pixels are not square or axes not at right angles, because
    the length of a pixel then depends on the direction, and if stages have different lengths.
    """
    place = dynamics.geometry
    try:
        place.check_angles()
        unit = f"{place.length_unit}/{dynamics.time_unit}"
    except GeometryError:
        return 1.0, "pixel/stage"
    height, width = place.pixel_size
    stages = dynamics.stage_durations
    if not np.isclose(height, width, rtol=1e-6) or not np.allclose(stages, stages[0], rtol=1e-6):
        return 1.0, "pixel/stage"
    return width / float(stages[0]), unit


def map_layer(dynamics: Dynamics, found: Deformation, options: MapOptions) -> LayerTuple:
    """Return a map of the rate of deformation or speed `options.kind` for every stage."""
    values = found.quantity(options.kind).astype(np.float32, copy=False)
    title, unit = QUANTITIES[options.kind].lower(), found.unit(options.kind)
    return _map_layer(dynamics, values, options.kind, title, unit)


def uncertainty_layer(
    dynamics: Dynamics, should_stop: Callable[[], bool] | None = None
) -> LayerTuple:
    """Return a map of the standard deviation of the velocity for every stage."""
    factor, unit = pixel_per_stage(dynamics)
    std, _ = dynamics.stage_deviations(should_stop=should_stop)
    return _map_layer(dynamics, std * np.float32(factor), "uncertainty", "uncertainty", unit)


def _map_layer(
    dynamics: Dynamics, values: NDArray[np.float32], kind: str, title: str, unit: str
) -> LayerTuple:
    signed = kind in _SIGNED
    finite = np.abs(values[np.isfinite(values)])
    most = float(np.percentile(finite, _WITHIN)) if finite.size else 0.0
    most = most if most > 0 else 1.0
    return LayerContext.of(dynamics).layer(
        _as_shown(values, dynamics),
        "image",
        "map",
        f"{title} ({unit})",
        along="fields",
        info={"quantity": kind, "unit": unit},
        rgb=False,
        colormap="RdBu_r" if signed else "magma",
        contrast_limits=(-most, most) if signed else (0.0, most),
        blending="translucent_no_depth",
        opacity=0.8,
    )


def axes_layer(dynamics: Dynamics, found: Deformation) -> LayerTuple:
    """Return crosses along the principal strain axes of every stage.

    The longest cross is about as long as the grid spacing. Colours show the rate: stretching is
    positive, squeezing negative.
    """
    height, width = dynamics.shape
    line = timeline_of(dynamics)
    chosen = np.arange(len(dynamics.fields)) if line.shown is None else line.shown
    step = max(1, math.ceil(max(height, width) / _CROSSES))
    while 2 * len(chosen) * (height // step + 1) * (width // step + 1) > MAX_ARROWS:
        step += 1
    rows, columns = (evenly_spaced(size, step) for size in (height, width))
    thin = np.ix_(np.arange(len(dynamics.fields)), rows, columns)
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
    return LayerContext.of(dynamics).layer(
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


def streamline_layer(dynamics: Dynamics, options: StreamlineOptions) -> LayerTuple:
    """Return the streamlines of every stage as short segments, coloured by speed."""
    line = timeline_of(dynamics)
    chosen = np.arange(len(dynamics.fields)) if line.shown is None else line.shown
    step = max(2.0, max(dynamics.shape) / 128)
    found: dict[int, list[NDArray[np.float64]]] = {}
    while True:
        earlier: int | None = None
        for stage in np.unique(chosen).tolist():
            field = dynamics.fields[stage]
            if earlier is not None and np.array_equal(field, dynamics.fields[earlier]):
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
    height, width = dynamics.shape
    at = (chosen[data[:, 0, 0].astype(int)], np.clip(rows, 0, height - 1))
    moved = np.moveaxis(dynamics.shown_fields, 1, -1)[(*at, np.clip(columns, 0, width - 1))]
    speed = np.hypot(moved[:, 0], moved[:, 1])
    # Outside of the region of interest no motion was computed.
    data, speed = data[np.isfinite(speed)], speed[np.isfinite(speed)]
    fastest = float(speed.max(initial=0.0))
    looks: dict[str, Any] = {"edge_color": "speed"} if len(data) else {"ndim": 3}
    return LayerContext.of(dynamics).layer(
        data.astype(np.float32),
        "vectors",
        "streamlines",
        "streamlines",
        along="fields",
        info={"speed_unit": "pixel per stage"},
        features={"speed": speed},
        edge_colormap="turbo",
        edge_contrast_limits=(0.0, fastest if fastest > 0 else 1.0),
        edge_width=max(0.4, max(dynamics.shape) / 400),
        vector_style="line",
        length=1.0,
        **looks,
    )


def latent_layers(dynamics: Dynamics, latents: NDArray[np.float32]) -> list[LayerTuple]:
    """Return one layer for each channel of the latent states, (T, c, H, W)."""
    reference = LayerContext.of(dynamics)
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


def _as_shown(values: NDArray[np.float32], dynamics: Dynamics) -> NDArray[np.float32]:
    shown = timeline_of(dynamics).shown
    return values if shown is None else values[shown]
