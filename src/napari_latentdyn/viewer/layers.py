"""Results as napari layers: the one place that knows scale, units and metadata."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.arrows import MAX_ARROWS
from napari_latentdyn.core.geometry.placement import Placement
from napari_latentdyn.export.look import contrast_limits
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.reference import (
    METADATA_KEY,
    LayerTuple,
    Reference,
    arrow_confidence,
    arrow_layer,
)
from napari_latentdyn.viewer.snapshot import Snapshot, snapshot
from napari_latentdyn.viewer.timelabel import tell_time

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = [
    "MAX_ARROWS",
    "METADATA_KEY",
    "LayerTuple",
    "Placement",
    "Snapshot",
    "contrast_limits",
    "find_layer",
    "mark_saved",
    "result_layers",
    "saved_folder",
    "snapshot",
    "update_or_add",
]

_TRANSFORM = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def result_layers(
    *,
    frames: NDArray[np.float32],
    times: NDArray[np.floating],
    velocity: NDArray[np.float32],
    field_times: NDArray[np.floating],
    settings: Settings,
    report: Mapping[str, Any],
    placement: Placement | None,
    run_id: str,
    name: str,
    latents: NDArray[np.float32] | None = None,
    confidence: NDArray[np.float32] | None = None,
    rgb: bool | None = None,
) -> list[LayerTuple]:
    """Make the layers of a result.

    The time axis is that of `Timeline`; the metadata holds the times.

    Parameters
    ----------
    frames : ndarray
        (T, Y, X) or (T, C, Y, X).
    times : ndarray
        (T,) fractions of the interval.
    velocity : ndarray
        (n, 2, Y, X), (dy, dx) in pixels per stage.
    field_times : ndarray
        (n,) start of each stage as a fraction of the interval.
    settings : Settings
        Settings of the run.
    report : mapping
        What is known about the run: ``interval`` and ``inputs`` are used.
    placement : Placement or None
        Where the inputs lie; None places one pixel on one unit.
    run_id : str
        The same for runs whose layers renew each other.
    name : str
        Start of the layers' names.
    latents : ndarray, optional
        (T, c, Y, X).
    confidence : ndarray, optional
        (T, Y, X), from 0 to 1.
    rgb : bool, optional
        Whether the channels are red, green and blue. By default the report says
        so, by ``rgb`` or by the shape of the inputs.

    Returns
    -------
    list of tuple
        Layer data, layer arguments and layer type: an image, (T, Y, X), or
        (T, Y, X, 3) if `rgb`, or (C, T, Y, X) for other channels; vectors
        (N, 2, 3); and, if given, latent states (c, T, Y, X) and the confidence
        (T, Y, X). Time stands right before (Y, X) in all of them, because napari
        aligns layers by their last axes.
    """
    shared = Reference.of(
        times=times,
        stages=len(velocity),
        settings=settings,
        report=report,
        placement=placement,
        run_id=run_id,
        name=name,
    )
    image, is_rgb = image_data(frames, report, rgb)
    channels = int(not is_rgb and image.ndim == 4)
    looks: dict[str, Any] = {"rgb": is_rgb}
    info: dict[str, Any] = {"field_times": np.asarray(field_times, dtype=np.float64).tolist()}
    if not is_rgb:
        looks["contrast_limits"] = contrast_limits(frames[[0, -1]])
        info["contrast_limits"] = list(looks["contrast_limits"])
    trust = None
    if settings.output.hide_doubtful:
        trust = arrow_confidence(frames, times, len(velocity), confidence)
    layers = [
        shared.layer(image, "image", "frames", "frames", channels=channels, info=info, **looks),
        arrow_layer(shared, velocity, spacing=settings.output.arrow_spacing, confidence=trust),
    ]
    if latents is not None:
        layers.append(
            shared.layer(
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
            shared.layer(
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


def update_or_add(
    viewer: ViewerModel, layer_tuples: Iterable[LayerTuple], *, keep: bool = False
) -> list[Layer]:
    """Renew the layers of an earlier run, and add those that are not there.

    Layers are known by their run and role in the metadata, not by their names;
    what the user changed of their looks stays. One that was deleted comes back.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer.
    layer_tuples : iterable of tuple
        As `result_layers` returns them.
    keep : bool
        Leave earlier layers alone and add new ones.

    Returns
    -------
    list of Layer
        The layers, in the order of the tuples.
    """
    from napari.layers import Layer

    done = []
    for data, meta, kind in layer_tuples:
        info = meta.get("metadata", {}).get(METADATA_KEY, {})
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
            # On top they would hide all else of their run.
            below = next(_of_run(viewer, info.get("run_id")), None)
            position = len(viewer.layers) if below is None else viewer.layers.index(below)
        else:
            position = len(viewer.layers)
        viewer.layers.insert(position, layer)
        done.append(layer)
    tell_time(viewer)
    return done


def find_layer(viewer: ViewerModel, run_id: str | None, role: str | None) -> Layer | None:
    """Return the topmost layer of a run with a role, such as ``frames``, or None."""
    for layer in reversed(list(_of_run(viewer, run_id))):
        if layer.metadata[METADATA_KEY].get("role") == role:
            return layer
    return None


def mark_saved(viewer: ViewerModel, run_id: str, folder: Path) -> None:
    """Let the layers of a run know the run folder that it was saved to."""
    for layer in _of_run(viewer, run_id):
        layer.metadata[METADATA_KEY]["folder"] = str(folder)


def saved_folder(viewer: ViewerModel, run_id: str) -> Path | None:
    """Return the run folder that a run was saved to or opened from, None if there is none."""
    folders = (layer.metadata[METADATA_KEY].get("folder") for layer in _of_run(viewer, run_id))
    return next((Path(folder) for folder in folders if folder), None)


def _of_run(viewer: ViewerModel, run_id: str | None) -> Iterator[Layer]:
    """Yield the layers of a run, the lowest first; none where there is no run."""
    for layer in viewer.layers:
        mark = layer.metadata.get(METADATA_KEY)
        if run_id is not None and isinstance(mark, Mapping) and mark.get("run_id") == run_id:
            yield layer


def image_data(
    frames: NDArray[np.float32], report: Mapping[str, Any], rgb: bool | None
) -> tuple[NDArray[Any], bool]:
    if frames.ndim == 3:
        return frames, False
    first = dict((report.get("inputs") or {}).get("first") or {})
    if rgb is None:
        shape = tuple(first.get("shape") or ())
        by_shape = len(shape) == 3 and shape[-1] in (3, 4) and shape[:2] == frames.shape[-2:]
        rgb = bool(first.get("rgb", by_shape))
    if not rgb or frames.shape[1] not in (3, 4):
        image = np.moveaxis(frames, 1, 0)
        return (image[0] if len(image) == 1 else image), False
    image = np.moveaxis(frames, 1, -1)
    # napari shows colours of type float only in [0, 1]: give them back in the inputs' type.
    bytewise = np.nan_to_num(image).max(initial=0) > 1.5
    dtype = np.dtype(first.get("dtype") or ("uint8" if bytewise else "float32"))
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        whole = np.clip(np.rint(np.nan_to_num(image)), limits.min, limits.max)
        return whole.astype(dtype), True
    return np.clip(image, 0.0, 1.0), True


def _agreeing_units(
    viewer: ViewerModel, meta: Mapping[str, Any], run_id: str | None
) -> dict[str, Any]:
    """Count an axis in front of (Y, X) in pixels where layers of the user do.

    napari gives up all units as soon as two layers measure one axis in units of
    different kinds. The true unit of time stays in the metadata.
    """
    units = list(meta.get("units", ()))
    for layer in viewer.layers:
        own = layer.metadata.get(METADATA_KEY)
        if isinstance(own, Mapping) and own.get("run_id") == run_id:
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
    before = dict(layer.metadata.get(METADATA_KEY) or {})
    layer.data = data
    if "features" in meta:
        layer.features = meta["features"]
        layer.edge_contrast_limits = meta["edge_contrast_limits"]
        if layer.length == before.get("arrow_length"):
            layer.length = meta["length"]
            layer.edge_width = meta["edge_width"]
    elif list(layer.contrast_limits) == before.get("contrast_limits"):
        layer.contrast_limits = meta["contrast_limits"]
    for name in _TRANSFORM:
        # Every change of a transform draws the layer again.
        if not _equal(getattr(layer, name), meta[name]):
            setattr(layer, name, meta[name])
    layer.metadata = {**layer.metadata, **meta["metadata"]}


def _equal(old: Any, new: Any) -> bool:
    if isinstance(new[0], str):
        return tuple(str(value) for value in old) == tuple(str(value) for value in new)
    values = np.asarray(getattr(old, "affine_matrix", old), dtype=np.float64)
    wanted = np.asarray(new, dtype=np.float64)
    if values.ndim == 1 and wanted.ndim == 2 and np.array_equal(wanted, np.triu(wanted)):
        # napari tells an upper triangular shear by the values above its diagonal.
        wanted = wanted[np.triu_indices(len(wanted), k=1)]
    return values.shape == wanted.shape and bool(np.array_equal(values, wanted))
