"""A result as an xarray Dataset, with coordinates and units."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.geometry.timescale import TimeScale
from napari_latentdyn.errors import MissingLibraryError

if TYPE_CHECKING:
    import xarray

__all__ = ["check_xarray", "make_dataset"]


def check_xarray() -> None:
    """Say how to install xarray if it is not.

    Raises
    ------
    MissingLibraryError
        If xarray is not installed.
    """
    try:
        import xarray  # noqa: F401
    except ImportError:
        raise MissingLibraryError(
            "a Dataset needs xarray, which is not installed: "
            'pip install "napari-latentdyn[export]".'
        ) from None


def make_dataset(
    *,
    frames: NDArray[np.float32],
    times: NDArray[np.floating[Any]],
    fields: NDArray[np.float32],
    geometry: Geometry,
    timescale: TimeScale,
    source: str,
) -> xarray.Dataset:
    """Make a Dataset of frames and fields; attributes follow the CF conventions.

    Parameters
    ----------
    frames : ndarray, shape (T, H, W) or (T, C, H, W)
        In the units of the images.
    times : ndarray, shape (T,)
        Fractions of the interval.
    fields : ndarray, shape (n, 2, H, W)
        Velocity (dy, dx) in pixels per stage.
    geometry : Geometry
        Where the pixels lie.
    timescale : TimeScale
        Length of the interval.
    source : str
        What made it.

    Returns
    -------
    xarray.Dataset
        ``frames`` (time, [channel,] y, x); ``u`` and ``v`` (stage, y, x), the
        velocities along the coordinates x and y in the middle of each stage, in
        units of length per unit of time, or in pixels per stage where these are
        not known. Coordinates: ``time``, since the first image; ``fraction``
        (time), of the interval; ``stage``; ``stage_time`` (stage), the middle of
        each stage; ``y`` and ``x``.

    Raises
    ------
    MissingLibraryError
        If xarray is not installed.
    """
    check_xarray()
    import xarray

    stages = len(fields)
    # Until the interval is known, time is counted in stages: velocities are per stage, too.
    whole = float(stages) if timescale.interval is None else timescale.interval
    time_unit = "1" if timescale.interval is None else timescale.interval_unit
    counted = " in stages" if timescale.interval is None else ""
    y, x = geometry.coordinates((fields.shape[-2], fields.shape[-1]))
    rate = geometry.steps / timescale.stage_duration(stages)
    elapsed = {"units": time_unit, "long_name": f"time since the first image{counted}"}
    image_dims = ("time", "y", "x") if frames.ndim == 3 else ("time", "channel", "y", "x")
    velocities = {
        name: (
            ("stage", "y", "x"),
            (fields[:, axis] * rate[axis]).astype(np.float32),
            {
                "units": f"{geometry.units[axis]}/{timescale.unit}",
                "long_name": f"velocity along {along} in the middle of the stage",
            },
        )
        for name, axis, along in (("u", 1, "x"), ("v", 0, "y"))
    }
    attributes = {
        "Conventions": "CF-1.11",
        "title": "In-between frames and motion between two images",
        "source": source,
    }
    if not geometry.is_upright:
        # Its axes are not those of the world: what leads there goes along.
        attributes["placement"] = json.dumps(geometry.to_report())
    return xarray.Dataset(
        {
            "frames": (image_dims, frames, {"long_name": "intensity, as in the images"}),
            **velocities,
        },
        coords={
            "time": ("time", times * whole, {**elapsed, "axis": "T"}),
            "fraction": ("time", times, {"units": "1", "long_name": "fraction of the interval"}),
            "stage": ("stage", np.arange(stages), {"long_name": "stage, counted from 0"}),
            "stage_time": ("stage", (np.arange(stages) + 0.5) * whole / stages, elapsed),
            "y": ("y", y, {"units": geometry.units[0], "axis": "Y", "long_name": "y"}),
            "x": ("x", x, {"units": geometry.units[1], "axis": "X", "long_name": "x"}),
        },
        attrs=attributes,
    )
