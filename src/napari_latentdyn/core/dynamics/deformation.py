"""Deformation by a velocity field: divergence, vorticity, strain rates.

The definitions are those of sea-ice science: R. W. Lindsay and H. L. Stern, *The
RADARSAT Geophysical Processor System: quality of sea ice trajectory and
deformation estimates*, J. Atmos. Oceanic Technol. 20 (2003); S. Bouillon and P.
Rampal, *On producing sea ice deformation data sets from SAR-derived sea ice
motion*, The Cryosphere 9 (2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_latentdyn.core.knowledge.regions import extended
from napari_latentdyn.errors import DerivedError

__all__ = ["QUANTITIES", "Deformation", "deformation"]

Floats = NDArray[np.floating[Any]]

#: Names of all quantities of a `Deformation` and their titles.
QUANTITIES = {
    "speed": "Speed",
    "divergence": "Divergence",
    "vorticity": "Vorticity",
    "normal_strain": "Normal strain rate",
    "shear_strain": "Shear strain rate",
    "shear": "Shear rate",
    "total": "Total deformation rate",
    "principal_first": "First principal strain rate",
    "principal_second": "Second principal strain rate",
    "principal_angle": "Direction of the first principal strain",
}


@dataclass(frozen=True, eq=False)
class Deformation:
    """Rates of deformation of each stage.

    Directions are those of an image: x to the right along the columns, y
    **down** along the rows; u and v are the velocities along x and y.

    Attributes
    ----------
    speed : ndarray, shape (n, H, W)
        sqrt(u^2 + v^2), in `speed_unit`.
    divergence : ndarray, shape (n, H, W)
        du/dx + dv/dy; positive where things move apart, as in an opening lead.
    vorticity : ndarray, shape (n, H, W)
        dv/dx - du/dy. As y points down, it is positive where things turn
        **clockwise** on the screen; charts with y upwards have the other sign.
        A rigid rotation by an angle w per unit of time has 2w.
    normal_strain : ndarray, shape (n, H, W)
        du/dx - dv/dy; positive where things are stretched along x.
    shear_strain : ndarray, shape (n, H, W)
        du/dy + dv/dx.
    speed_unit, rate_unit : str
        Units, such as "meter/hour" and "1/hour", or "pixel/stage" and
        "1/stage". All rates but speed have `rate_unit`.
    """

    speed: Floats
    divergence: Floats
    vorticity: Floats
    normal_strain: Floats
    shear_strain: Floats
    speed_unit: str = "pixel/stage"
    rate_unit: str = "1/stage"

    @property
    def shear(self) -> Floats:
        """Maximum shear rate, sqrt((du/dx - dv/dy)^2 + (du/dy + dv/dx)^2); (n, H, W)."""
        return np.hypot(self.normal_strain, self.shear_strain)

    @property
    def total(self) -> Floats:
        """Total deformation rate, sqrt(divergence^2 + shear^2); (n, H, W)."""
        return np.hypot(self.divergence, self.shear)

    @property
    def principal_first(self) -> Floats:
        """Larger eigenvalue of the strain-rate tensor, (divergence + shear) / 2; (n, H, W)."""
        return (self.divergence + self.shear) / 2

    @property
    def principal_second(self) -> Floats:
        """Smaller eigenvalue of the strain-rate tensor, (divergence - shear) / 2; (n, H, W)."""
        return (self.divergence - self.shear) / 2

    @property
    def principal_angle(self) -> Floats:
        """Direction along which things are stretched most; (n, H, W).

        In radians from x (right) towards y (down), in (-pi/2, pi/2]: the
        direction (dy, dx) is (sin, cos). Without shear it means nothing and is 0.
        """
        angle = np.arctan2(self.shear_strain, self.normal_strain) / 2
        # -0.0 has the angle -pi, which is the same axis as pi.
        return np.where(angle <= -np.pi / 2, -angle, angle)

    def quantity(self, name: str) -> Floats:
        """Return a quantity by its name in `QUANTITIES`, shape (n, H, W).

        Raises
        ------
        DerivedError
            If there is none of this name.
        """
        _check_name(name)
        return np.asarray(getattr(self, name))

    def unit(self, name: str) -> str:
        """Return the unit of a quantity by its name in `QUANTITIES`.

        Raises
        ------
        DerivedError
            If there is none of this name.
        """
        _check_name(name)
        special = {"speed": self.speed_unit, "principal_angle": "radian"}
        return special.get(name, self.rate_unit)


def deformation(
    fields: ArrayLike,
    *,
    pixel_size: tuple[float, float] = (1.0, 1.0),
    duration: float | ArrayLike = 1.0,
    length_unit: str = "pixel",
    time_unit: str = "stage",
    smooth: float = 0.0,
    blocked: NDArray[np.bool_] | None = None,
    outside: NDArray[np.bool_] | None = None,
) -> Deformation:
    """Derive the rates of deformation from advection fields.

    Derivatives are central differences, one-sided at the border.

    Parameters
    ----------
    fields : array_like, shape (n, 2, H, W) or (2, H, W)
        Velocity (dy, dx) in pixels per stage. NaN gives NaN.
    pixel_size : (float, float)
        Distance between neighbouring pixels down and to the right, in `length_unit`.
    duration : float or array_like, shape (n,)
        Duration of a stage, or of each stage, in `time_unit`.
    length_unit, time_unit : str
        Names of the units.
    smooth : float
        Standard deviation in pixels of the Gaussian that smooths the velocity
        before differentiation; 0 for none. The speed is not smoothed. Beyond the
        border the velocity is continued by point reflection, so that a field that
        changes evenly keeps its rates up to the border.
    blocked : ndarray of bool, shape (m, H, W), optional
        Where nothing moves during each of m equal parts of the stages: all rates are 0 there, and
        the differences next to it do not reach into it.
    outside : ndarray of bool, shape (H, W), optional
        Where the motion was not computed, and all rates are NaN.

    Returns
    -------
    Deformation
        Of n stages; one for a single field. Of the type of the fields, float32
        at least.

    Raises
    ------
    DerivedError
        If the fields have another shape or are too small for a difference, or
        `smooth`, `pixel_size` or `duration` is out of range.
    """
    velocity = np.asarray(fields)
    if velocity.ndim == 3:
        velocity = velocity[None]
    if velocity.ndim != 4 or velocity.shape[1] != 2 or min(velocity.shape[2:]) < 2:
        raise DerivedError(
            "fields must have the shape (n, 2, H, W), with at least 2 x 2 pixels; got "
            f"{np.shape(fields)}."
        )
    spent = np.asarray(duration, dtype=np.float64)
    if spent.shape not in ((), (len(velocity),)):
        raise DerivedError(
            f"duration must be one number or one for each of the {len(velocity)} stages; got the "
            f"shape {spent.shape}."
        )
    sizes = np.array([*pixel_size, *np.atleast_1d(spent)], dtype=np.float64)
    if not np.all(np.isfinite(sizes) & (sizes > 0)):
        raise DerivedError("pixel size and duration of a stage must be positive numbers.")
    longest, width = max(velocity.shape[2:]), np.asarray(smooth)
    if width.shape or width.dtype.kind not in "iuf" or not 0 <= smooth <= longest:
        raise DerivedError(
            f"the width of the smoothing must be from 0 to {longest} pixels, the longer side of "
            f"the image; got {smooth!r}."
        )
    kind = np.result_type(velocity.dtype, np.float32)
    out = np.empty((5, len(velocity), *velocity.shape[2:]), kind)
    spent = np.broadcast_to(spent, len(velocity))
    for k, stage in enumerate(velocity):
        mask = None if blocked is None else blocked[k * len(blocked) // len(velocity)]
        scaled = extended(stage, mask).astype(np.float64) * (sizes[:2] / spent[k])[:, None, None]
        out[0, k] = np.hypot(*scaled)
        smoothed = _smoothed(scaled, smooth)
        (dv_dy, dv_dx), (du_dy, du_dx) = (np.gradient(c, *sizes[:2]) for c in smoothed)
        out[1:, k] = du_dx + dv_dy, dv_dx - du_dy, du_dx - dv_dy, du_dy + dv_dx
        if mask is not None:
            out[:, k, mask] = 0.0
    if outside is not None:
        out[..., outside] = np.nan
    speed, divergence, vorticity, normal, sheared = out
    return Deformation(
        speed,
        divergence,
        vorticity,
        normal,
        sheared,
        speed_unit=f"{length_unit}/{time_unit}",
        rate_unit=f"1/{time_unit}",
    )


def _check_name(name: str) -> None:
    if name not in QUANTITIES:
        raise DerivedError(f"there is no quantity '{name}'; known are {', '.join(QUANTITIES)}.")


def _smoothed(velocity: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    if sigma == 0:
        return velocity
    reach = max(1, round(4 * sigma))
    around = ((0, 0), (reach, reach), (reach, reach))
    # Point reflection keeps an even change even at the border.
    wide = np.pad(velocity, around, mode="reflect", reflect_type="odd")
    wide = ndimage.gaussian_filter(wide, (0.0, sigma, sigma), radius=(0, reach, reach))
    return np.asarray(wide[:, reach:-reach, reach:-reach])
