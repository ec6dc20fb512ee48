"""Results as napari layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.arrows import MAX_ARROWS
from napari_latentdyn.core.dynamics.intervals import is_large
from napari_latentdyn.core.runfolder.schema import InputReport
from napari_latentdyn.export.look import contrast_limits
from napari_latentdyn.viewer.context import (
    METADATA_KEY,
    LayerContext,
    LayerTuple,
    arrow_layer,
    mark_of,
    stage_confidence,
)
from napari_latentdyn.viewer.estimated import estimated_places
from napari_latentdyn.viewer.lazy import image_confidence, known_limits, lazy_array
from napari_latentdyn.viewer.snapshot import Snapshot, snapshot
from napari_latentdyn.viewer.timelabel import tell_time

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = [
    "MAX_ARROWS",
    "METADATA_KEY",
    "LayerTuple",
    "Snapshot",
    "contrast_limits",
    "find_layer",
    "frames_layer",
    "in_colours_of",
    "mark_of",
    "mark_saved",
    "result_layers",
    "saved_folder",
    "snapshot",
    "update_or_add",
]

_TRANSFORM = ("scale", "translate", "affine", "units", "axis_labels")


def result_layers(dynamics: Dynamics, *, rgb: bool | None = None) -> list[LayerTuple]:
    """Make the layers of a result at its times.

    The metadata holds the times. Latent states and confidence become layers if they were
    computed or saved. Large frames of a long series (`is_large`) and their confidence are dask
    arrays: an interval is drawn when it is looked at.

    Parameters
    ----------
    dynamics : Dynamics
        The result.
    rgb : bool, optional
        Whether the channels are red, green and blue. The default comes from the report: its
        ``rgb``, or the shape of the inputs.

    Returns
    -------
    list of tuple
        Layer data, layer arguments and layer type: an image, (T, Y, X), or
        (T, Y, X, 3) if `rgb`, or (C, T, Y, X) for other channels; vectors
        (N, 2, 3); and, if given, places that were missing and are estimated, labels
        (T, Y, X), latent states (c, T, Y, X) and the confidence (T, Y, X). Time
        stands right before (Y, X) in all of them, because napari aligns layers by
        their last axes.
    """
    context, large = LayerContext.of(dynamics), is_large(dynamics)
    confidence = dynamics.stored("confidence")
    trust = None
    if dynamics.settings.output.hide_doubtful and large:
        trust = image_confidence(dynamics)
    elif dynamics.settings.output.hide_doubtful:
        trust = stage_confidence(dynamics.frames(), dynamics, dynamics.times(), confidence)
    if large and dynamics.settings.output.confidence:
        confidence = lazy_array(dynamics, "confidence")
    spacing = dynamics.settings.output.arrow_spacing
    layers = [
        frames_layer(dynamics, rgb=rgb),
        arrow_layer(context, dynamics.shown_fields, spacing=spacing, confidence=trust),
    ]
    marks = None if large else estimated_places(dynamics)
    if marks is not None:
        layers.append(context.layer(marks, "labels", "estimated", "estimated places", opacity=0.4))
    latents = dynamics.stored("latents")
    if latents is not None:
        layers.append(
            context.layer(
                np.moveaxis(latents, 1, 0),
                "image",
                "latents",
                "latent states",
                channels=1,
                rgb=False,
                visible=False,
                contrast_limits=contrast_limits(latents[[0, -1]]),
            )
        )
    if confidence is not None:
        layers.append(
            context.layer(
                confidence,
                "image",
                "confidence",
                "confidence",
                rgb=False,
                visible=False,
                colormap="magma",
                contrast_limits=(0.0, 1.0),
            )
        )
    return layers


def frames_layer(dynamics: Dynamics, *, rgb: bool | None = None) -> LayerTuple:
    """Return the frames of a result as a layer."""
    context, large = LayerContext.of(dynamics), is_large(dynamics)
    inputs = dynamics.report.inputs
    source = inputs[0] if inputs else InputReport()
    if large:
        frames = lazy_array(dynamics, "frames")
        sample = np.nan_to_num(dynamics.observations.images[:1])
        image, is_rgb = image_data(frames, source, rgb, sample=sample)
    else:
        frames = dynamics.frames()
        image, is_rgb = image_data(frames, source, rgb)
    channels = int(not is_rgb and image.ndim == 4)
    looks: dict[str, Any] = {"rgb": is_rgb}
    info: dict[str, Any] = {}
    if not is_rgb:
        seen = np.isin(dynamics.times(), dynamics.observation_times)
        seen[[0, -1]] = True
        limits = known_limits(dynamics.observations) if large else contrast_limits(frames[seen])
        looks["contrast_limits"] = limits
        info["contrast_limits"] = list(looks["contrast_limits"])
    return context.layer(image, "image", "frames", "frames", channels=channels, info=info, **looks)


def in_colours_of(source: Layer | None, layer: LayerTuple) -> LayerTuple:
    """Return the layer of frames with the colour map and the contrast of their image."""
    from napari.layers import Image

    data, meta, kind = layer
    if _mark_of_tuple(layer).get("role") != "frames" or meta.get("rgb"):
        return layer
    if not isinstance(source, Image) or source.rgb:
        return layer
    looks = {name: getattr(source, name) for name in ("colormap", "contrast_limits", "gamma")}
    return data, {**meta, **looks}, kind


def update_or_add(
    viewer: ViewerModel, layer_tuples: Iterable[LayerTuple], *, keep: bool = False
) -> list[Layer]:
    """Update the layers of an earlier run, and add missing layers.

    Layers are identified by run and role in their metadata, not by name. Changes that the user
    made to their appearance stay.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer.
    layer_tuples : iterable of tuple
        As `result_layers` returns them.
    keep : bool
        Keep earlier layers and add new ones.

    Returns
    -------
    list of Layer
        The layers, in the order of the tuples.
    """
    from napari.layers import Layer

    done = []
    for data, meta, kind in layer_tuples:
        info = _mark_of_tuple((data, meta, kind))
        meta = {**meta, **_agreeing_units(viewer, meta, info.get("run_id"))}
        old = None if keep else find_layer(viewer, info.get("run_id"), info.get("role"))
        if old is not None and _can_take(old, data, meta, kind):
            _renew(old, data, meta)
            done.append(old)
            continue
        layer = Layer.create(data, meta, kind)
        if old is not None:
            position = viewer.layers.index(old)
            layer.name, layer.visible = old.name, old.visible
            viewer.layers.remove(old)
        elif not keep and info.get("role") == "frames":
            # On top, the frames would hide the other layers of the run.
            below = next(_of_run(viewer, info.get("run_id")), None)
            position = len(viewer.layers) if below is None else viewer.layers.index(below)
        else:
            position = len(viewer.layers)
        viewer.layers.insert(position, layer)
        done.append(layer)
    tell_time(viewer)
    return done


def _mark_of_tuple(layer: LayerTuple) -> Mapping[str, Any]:
    """Return the metadata of this plugin in a layer that is not made yet, as `mark_of`."""
    found: Mapping[str, Any] = layer[1].get("metadata", {}).get(METADATA_KEY, {})
    return found


def find_layer(viewer: ViewerModel, run_id: str | None, role: str | None) -> Layer | None:
    """Return the topmost layer of a run with a role, such as ``frames``, or None."""
    for layer in reversed(list(_of_run(viewer, run_id))):
        if mark_of(layer).get("role") == role:
            return layer
    return None


def mark_saved(viewer: ViewerModel, run_id: str, folder: Path) -> None:
    """Write the run folder into the metadata of the layers of a run."""
    for layer in _of_run(viewer, run_id):
        mark_of(layer)["folder"] = str(folder)


def saved_folder(viewer: ViewerModel, run_id: str) -> Path | None:
    """Return the folder that a run was saved to or opened from, or None."""
    folders = (mark_of(layer).get("folder") for layer in _of_run(viewer, run_id))
    return next((Path(folder) for folder in folders if folder), None)


def _of_run(viewer: ViewerModel, run_id: str | None) -> Iterator[Layer]:
    """Yield the layers of a run, the lowest first."""
    for layer in viewer.layers:
        if run_id is not None and mark_of(layer).get("run_id") == run_id:
            yield layer


def image_data(
    frames: Any, source: InputReport, rgb: bool | None, *, sample: NDArray[Any] | None = None
) -> tuple[Any, bool]:
    """Return frames, (T, H, W) or (T, C, H, W), in the axis order of a layer, and whether RGB.

    `frames` are an array of NumPy or dask. `rgb` None takes the answer from `source`, the report
    on the first image. The range of colours is that of `sample`, by default of all frames.
    """
    if frames.ndim == 3:
        return frames, False
    if rgb is None:
        shape = tuple(source.shape or ())
        by_shape = len(shape) == 3 and shape[-1] in (3, 4) and shape[:2] == frames.shape[-2:]
        rgb = by_shape if source.rgb is None else source.rgb
    if not rgb or frames.shape[1] not in (3, 4):
        image = np.moveaxis(frames, 1, 0)
        return (image[0] if len(image) == 1 else image), False
    image = np.moveaxis(frames, 1, -1)
    # napari shows float colours only in [0, 1]: use the data type of the inputs.
    bytewise = np.nan_to_num(image if sample is None else sample).max(initial=0) > 1.5
    dtype = np.dtype(source.dtype or ("uint8" if bytewise else "float32"))
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        whole = np.clip(np.rint(np.nan_to_num(image)), limits.min, limits.max)
        return whole.astype(dtype), True
    return np.clip(image, 0.0, 1.0), True


def _agreeing_units(
    viewer: ViewerModel, meta: Mapping[str, Any], run_id: str | None
) -> dict[str, Any]:
    """Return units with pixels on leading axes that other layers count in pixels.

    napari drops all units if two layers measure an axis in units of different dimension. The
    unit of time stays in the metadata.
    """
    units = list(meta.get("units", ()))
    for layer in viewer.layers:
        mark = mark_of(layer)
        if mark and mark.get("run_id") == run_id:
            continue
        for axis in range(3, min(len(units), layer.ndim) + 1):
            if str(layer.units[-axis]) == "pixel":
                units[-axis] = "pixel"
    return {"units": tuple(units)} if units else {}


def _can_take(layer: Layer, data: NDArray[Any], meta: Mapping[str, Any], kind: str) -> bool:
    from napari.layers import Image, Vectors

    if kind == "vectors":
        both = isinstance(layer, Vectors) and layer.ndim == data.shape[-1]
        return both and len(data) > 0 and len(layer.data) > 0
    return (
        isinstance(layer, Image)
        and not layer.multiscale
        and layer.data.ndim == data.ndim
        and layer.data.dtype == data.dtype
        and layer.rgb == bool(meta.get("rgb"))
    )


def _renew(layer: Layer, data: NDArray[Any], meta: Mapping[str, Any]) -> None:
    before = mark_of(layer)
    layer.data = data
    if "features" in meta:
        # A hidden layer keeps the slice of its earlier data, with which napari draws new colours.
        layer.set_view_slice()
        layer.features = meta["features"]
        if "edge_contrast_limits" in meta:
            layer.edge_contrast_limits = meta["edge_contrast_limits"]
        if layer.length == before.get("arrow_length"):
            layer.length = meta["length"]
            layer.edge_width = meta["edge_width"]
    elif list(layer.contrast_limits) == before.get("contrast_limits"):
        layer.contrast_limits = meta["contrast_limits"]
    ndim = layer.ndim
    wanted = {name: meta[name] for name in _TRANSFORM}
    wanted |= {"rotate": np.eye(ndim), "shear": np.zeros(ndim * (ndim - 1) // 2)}
    for name, value in wanted.items():
        # napari redraws the layer at each change of its transform.
        if not _equal(getattr(layer, name), value):
            setattr(layer, name, value)
    layer.metadata = {**layer.metadata, **meta["metadata"]}


def _equal(old: Any, new: Any) -> bool:
    if isinstance(new[0], str):
        return tuple(str(value) for value in old) == tuple(str(value) for value in new)
    values = np.asarray(getattr(old, "affine_matrix", old), dtype=np.float64)
    wanted = np.asarray(new, dtype=np.float64)
    return values.shape == wanted.shape and bool(np.array_equal(values, wanted))
