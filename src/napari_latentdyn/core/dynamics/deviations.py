"""Standard deviations of velocities and frames as variables of a dataset; without PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray

    from napari_latentdyn.core.dynamics.result import Dynamics

__all__ = ["FRAMES_STD", "MEASURED", "VELOCITY_STD", "add_deviations"]

#: Names of the variables; that of the velocity takes the axis.
FRAMES_STD, VELOCITY_STD = "frames_standard_deviation", "velocity_{}_standard_deviation"
MEASURED = "velocity_measured"
_SHOWN = {
    "long_name": "whether the images show the velocity",
    "units": "1",
    "flag_values": np.array([0, 1], np.int8),
    "flag_meanings": "not_measured measured",
}


def add_deviations(
    data: xarray.Dataset,
    dynamics: Dynamics,
    should_stop: Callable[[], bool] | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> None:
    """Add the standard deviations of frames and velocities to their dataset.

    They are ancillary variables by the CF conventions. The deviations of the velocity are along
    the same axes as its components, in the same units.

    Parameters
    ----------
    data : xarray.Dataset
        As `Dynamics.to_xarray` returns it for the times of the result.
    dynamics : Dynamics
        The result.
    should_stop, on_frame : callable, optional
        See `Dynamics.frames`.
    """
    frames = data["frames"]
    std = dynamics.frame_std(should_stop=should_stop, on_frame=on_frame)
    kept = {name: frames.attrs[name] for name in ("units", "grid_mapping") if name in frames.attrs}
    named = {"long_name": "standard deviation of the frame", **kept}
    data[FRAMES_STD] = (frames.dims, std, named)
    data["frames"].attrs["ancillary_variables"] = FRAMES_STD
    if "velocity_y" not in data:
        return
    place = dynamics.map_geometry or dynamics.placement
    # Deviations of both components are equal and independent in pixels.
    lengths = np.linalg.norm(place.matrix[:2, :2], axis=1)
    spans = np.diff(data["stage_bounds"].values, axis=1)[:, 0]
    of_stage, measured = dynamics.stage_deviations(should_stop=should_stop)
    for length, axis in zip(lengths, "yx", strict=True):
        velocity, name = data[f"velocity_{axis}"], VELOCITY_STD.format(axis)
        values = (of_stage * (length / spans)[:, None, None]).astype(np.float32)
        named = {**velocity.attrs, "long_name": f"standard deviation of {velocity.long_name}"}
        data[name] = (velocity.dims, values, named)
        data[f"velocity_{axis}"].attrs["ancillary_variables"] = f"{name} {MEASURED}"
    mapped = {name: velocity.attrs[name] for name in ("grid_mapping",) if name in velocity.attrs}
    data[MEASURED] = (velocity.dims, measured.astype(np.int8), {**_SHOWN, **mapped})
