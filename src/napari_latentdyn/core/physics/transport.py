"""States carried from the observations to other times, as the equation says.

A state is carried stage by stage, as in the paper, or along the whole path at once. In both
cases it is interpolated where a path begins, and the equation changes the value along the path.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from napari_latentdyn.core.physics.characteristics import Characteristics, path_steps
from napari_latentdyn.core.physics.halfway import HalfWay, carry_half_way
from napari_latentdyn.core.physics.operators import area_ratio, diffuse
from napari_latentdyn.core.physics.sampling import Interpolation, pixel_grid, sample
from napari_latentdyn.equations import Path, equation_of
from napari_latentdyn.settings import PhysicsSettings

__all__ = ["Transport"]


class Transport:
    """Carries states along the characteristics.

    Parameters
    ----------
    settings : PhysicsSettings
        `equation`, `departure`, `interpolation` and `limiter` are used.
    channels : int, optional
        Number of leading channels of a state that are intensities, to which the equation
        applies; the others are features and only move. All by default.
    """

    def __init__(self, settings: PhysicsSettings, channels: int | None = None) -> None:
        self.settings = settings
        self.paths = Characteristics(settings.departure)
        self.equation = equation_of(settings.equation)
        self._channels = channels

    def along(
        self, state: Tensor, places: Tensor, duration: float, zero: Tensor | float = 0.0
    ) -> Tensor:
        """Return the state at the end of its paths.

        Parameters
        ----------
        state : Tensor, shape (B, c, h, w)
            Values of an observation at `places`.
        places : Tensor, shape (B, 2, h, w)
            Positions of the beginnings of the paths in the observation.
        duration : float
            Length of the paths as a fraction of the interval; negative back in time.
        zero : Tensor or float
            Value of the state where the intensity is zero, (B, C, 1, 1).

        Returns
        -------
        Tensor, shape (B, c, h, w)
        """
        intensities = state if self._channels is None else state[:, : self._channels]
        changed = self.equation.along(
            intensities, Path(duration, partial(area_ratio, places), diffuse, zero)
        )
        if changed is intensities:
            return state
        if self._channels is None:
            return changed
        return torch.cat([changed, state[:, self._channels :]], dim=1)

    def by_stages(
        self,
        state: Tensor,
        fields: Tensor,
        end: int,
        time: float,
        zero: Tensor | float = 0.0,
    ) -> Tensor:
        """Interpolate a state stage by stage from an observation to a time, as in the paper.

        The interpolation of each stage blurs the state a little.

        Parameters
        ----------
        state : Tensor, shape (B, c, H, W)
            Latent state of the observation.
        fields : Tensor, shape (B, n, 2, H, W)
            Velocity of each stage in pixels per stage.
        end : int
            0 for the first observation, 1 for the last one.
        time : float
            Fraction of the interval in [0, 1].
        zero : Tensor or float
            As in `along`.

        Returns
        -------
        Tensor, shape (B, c, H, W)
        """
        stages = fields.shape[1]
        sign, settings = 1.0 - 2.0 * end, self.settings
        grid = pixel_grid(*state.shape[-2:], device=state.device).expand(len(state), -1, -1, -1)
        for stage, length in reversed(path_steps(end, stages, time)):
            places = self.paths.step(end, fields[:, stage], grid, length)
            read = sample(state, places, settings.interpolation, limiter=settings.limiter)
            state = self.along(read, places, sign * length / stages, zero)
        return state

    def half_way(
        self,
        images: tuple[Tensor, Tensor],
        fields: Tensor,
        interpolation: Interpolation,
        zero: tuple[Tensor | float, Tensor | float] = (0.0, 0.0),
        masks: tuple[Tensor, Tensor] | None = None,
    ) -> HalfWay:
        """Carry both images half way along the paths, as the equation says.

        Parameters
        ----------
        images : pair of Tensor, shape (B, C, H, W)
            First and last image.
        fields : Tensor, shape (B, n, 2, H, W)
            Velocity of each stage in pixels per stage.
        interpolation : {"bilinear", "bicubic", "spline", "nearest"}
            Kernel of the interpolation.
        zero : pair of Tensor or float
            Values of both images where the intensity is zero.
        masks : pair of Tensor, shape (B, 1, H, W), optional
            One where a pixel is valid, zero where it is missing.

        Returns
        -------
        HalfWay
        """
        grid = pixel_grid(*images[0].shape[-2:], device=fields.device).expand(
            len(fields), -1, -1, -1
        )
        places = (self.paths.trace(0, fields, grid, 0.5), self.paths.trace(1, fields, grid, 0.5))
        carried = carry_half_way(images, places, masks, interpolation)
        return replace(
            carried,
            first=self.along(carried.first, places[0], 0.5, zero[0]),
            last=self.along(carried.last, places[1], -0.5, zero[1]),
        )
