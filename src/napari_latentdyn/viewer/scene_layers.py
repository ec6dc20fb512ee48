"""A large scene as layers: frames that are read as they are shown, and arrows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_latentdyn.core.dynamics.arrows import make_arrows
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.scene.folder import SceneFolder
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.export.look import contrast_limits
from napari_latentdyn.files.paths import named
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.context import LayerContext, LayerTuple
from napari_latentdyn.viewer.timeline import Timeline

__all__ = ["scene_layers"]


def scene_layers(path: Path) -> list[LayerTuple]:
    """Return frames, as an image of several resolutions, and arrows of a large scene.

    Raises
    ------
    RunFolderError
        If the scene is damaged or not finished.
    """
    folder = SceneFolder(path)
    request, solution = folder.request(), folder.solution()
    if not folder.report() or solution is None:
        raise RunFolderError(
            f"the scene in {named(path)} is not finished: the command that began it continues it, "
            "and so does Plugins > Large scene."
        )
    settings = Settings.model_validate(request.settings)
    length, unit = settings.images.interval, settings.images.interval_unit
    times, stages = np.array(request.times), settings.model.stages
    whole = stages if length is None else length
    line = Timeline(
        times,
        times * whole,
        np.linspace(0.0, whole, stages + 1),
        None if length is None else (length, unit),
    )
    place = Geometry.from_report(request.placement) if request.placement else Geometry()
    common = {"folder": str(path), "settings": dict(request.settings)}
    context = LayerContext.on(line, place, path.name, common)
    frames = _levels(folder)
    smallest = np.asarray(frames[-1][[0, -1]])
    channels = int(frames[0].ndim == 4 and not request.rgb)
    if request.rgb:
        frames = [_colours(level, float(np.nan_to_num(smallest).max())) for level in frames]
    elif channels:
        frames = [level.transpose(1, 0, 2, 3) for level in frames]
    looks: dict[str, Any] = {"rgb": request.rgb}
    if not request.rgb:
        looks["contrast_limits"] = contrast_limits(smallest)
    return [
        context.layer(
            frames,
            "image",
            "frames",
            "frames",
            channels=channels,
            multiscale=True,
            **looks,
        ),
        _arrows(context, solution, request.shape),
    ]


def _levels(folder: SceneFolder) -> list[Any]:
    import dask.array
    import zarr

    group = zarr.open_group(str(folder.frames), mode="r")
    return [dask.array.from_zarr(group[str(k)]) for k in range(len(list(group.array_keys())))]


def _colours(level: Any, most: float) -> Any:
    """Return frames (T, 3, Y, X) as colours (T, Y, X, 3), of which `most` is the largest value.

    napari shows float colours only in [0, 1]: larger ones become integers.
    """
    import dask.array

    colours = dask.array.nan_to_num(level.transpose(0, 2, 3, 1))
    if most <= 1.5:
        return colours.clip(0.0, 1.0)
    kind = np.uint8 if most < 256 else np.uint16
    return dask.array.rint(colours).clip(0, np.iinfo(kind).max).astype(kind)


def _arrows(context: LayerContext, solution: dict[str, Any], shape: tuple[int, int]) -> LayerTuple:
    """Return arrows at places of the reduced scene, in pixels of full resolution."""
    step = int(solution["fields_step"][0])
    arrows = make_arrows(solution["fields"] / step, context.line.shown)
    data = arrows.data.copy()
    data[:, 0, 1:] = np.minimum(data[:, 0, 1:] * step + (step - 1) / 2, np.array(shape) - 1)
    data[:, 1, 1:] *= step
    fastest = float(arrows.features["speed"].max(initial=0.0)) * step
    return context.layer(
        data,
        "vectors",
        "fields",
        "motion",
        along="fields",
        features={**arrows.features, "speed": arrows.features["speed"] * step},
        length=arrows.length,
        edge_width=arrows.width * step,
        edge_color="speed",
        edge_colormap="turbo",
        edge_contrast_limits=(0.0, fastest if fastest > 0 else 1.0),
        vector_style="arrow",
        opacity=0.9,
    )
