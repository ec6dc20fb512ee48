"""From two arrays to the result in one call, for notebooks and scripts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.geometry.checks import Described, check_grids, place_oddities
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.observations.images.arrays import plain_array
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import Progress, fit
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings
from napari_latentdyn.settings.names import full_names

__all__ = ["fit_pair"]


def fit_pair(
    first: ArrayLike,
    last: ArrayLike,
    *,
    preset: str = "standard",
    channel_axis: int | None = None,
    channel_axis_last: int | None = None,
    mask_first: ArrayLike | None = None,
    mask_last: ArrayLike | None = None,
    pixel_size: float | tuple[float, float] | None = None,
    units: str | tuple[str, str] | None = None,
    offset: tuple[float, float] = (0.0, 0.0),
    known: Knowledge | None = None,
    progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    **settings: Any,
) -> Dynamics:
    """Learn the dynamics between two images.

    Parameters
    ----------
    first, last, channel_axis, channel_axis_last, mask_first, mask_last
        The images, as `Observations.from_arrays` takes them.
    preset : str
        "quick", "standard", "accurate" or "paper".
    pixel_size : float or (float, float), optional
        Distance between neighbouring pixels, in both directions or down and to
        the right, in `units`. Left out, the coordinates of an ``xarray.DataArray``
        give both.
    units : str or (str, str), optional
        Unit of the pixel size, such as "meter".
    offset : (float, float)
        Position of the first pixel (y, x), in `units`.
    known : Knowledge, optional
        Regions and tracks that are known; their times are fractions of the interval.
    progress : callable, optional
        Called with each `Progress`.
    should_stop : callable, optional
        Called between two steps. Once it returns true the training ends, and the
        result so far is returned.
    **settings
        Settings that differ from the preset, by their dotted name, with two
        underscores in place of the dot, or by the last part of it where only one
        setting has it: ``**{"training.steps": 100}``, ``training__steps=100`` or
        ``steps=100``. The time between the images is one of them, with its unit:
        ``interval=24.0, interval_unit="hour"``.

    Returns
    -------
    Dynamics
        The result, which knows its scale and interval.

    Raises
    ------
    SettingsError
        If a setting has an unknown name or a value out of its range.
    GeometryError
        If pixel size and units do not fit together.
    ObservationError
        If the images do not fit together or show no motion.
    Stopped
        If `should_stop` became true before a result was found.
    FitError
        If the training fails.

    Examples
    --------
    >>> from napari_latentdyn import fit_pair
    >>> dynamics = fit_pair(first, last, preset="quick", stages=6)  # doctest: +SKIP
    >>> dynamics.frames([0.5]).shape  # doctest: +SKIP
    (1, 256, 256)
    """
    chosen = Settings.preset(preset).updated(full_names(settings))
    told = _described(first, "first image"), _described(last, "last image")
    check_grids(*told)
    for oddity in place_oddities(*told):
        warnings.warn(oddity[0].upper() + oddity[1:], stacklevel=2)
    if pixel_size is None and units is None and told[0].geometry is not None:
        pixel_size, units = told[0].geometry.pixel_size, told[0].geometry.units
    geometry = Geometry.from_pixel_size(pixel_size, units, offset)
    last_axis = channel_axis if channel_axis_last is None else channel_axis_last
    observations = Observations.from_arrays(
        first,
        last,
        settings=chosen.images,
        channel_axis=[channel_axis, last_axis],
        masks=[mask_first, mask_last],
    ).described(geometry, ())
    if known is not None:
        observations = observations.with_knowledge(known)
    # No preview is shown here; the result keeps the settings of the caller.
    fitting = fit(observations, chosen.updated({"output.preview": False}), should_stop=should_stop)
    dynamics = drain(fitting, progress)
    dynamics.settings = chosen
    return dynamics


def _described(image: Any, name: str) -> Described:
    """Return the geometry in the coordinates of an image; only DataArrays have some."""
    if not hasattr(image, "coords"):
        return Described(f"the {name}")
    plain = plain_array(image, name)
    return Described(f"the {name}", plain.geometry, plain.coordinates)
