"""States carried from the observations to other times, as the equation says.

Stage by stage, as in the paper, or along the whole path at once: both ways read the state where a
path begins and leave to the equation what becomes of the value along the path.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from napari_latentdyn.core.physics.characteristics import Characteristics, split_time
from napari_latentdyn.core.physics.halfway import HalfWay, carry_half_way
from napari_latentdyn.core.physics.operators import area_ratio
from napari_latentdyn.core.physics.sampling import Interpolation, pixel_grid, sample
from napari_latentdyn.equations import EQUATIONS, Path
from napari_latentdyn.settings import PhysicsSettings

__all__ = ["Transport"]


class Transport:
    """Carries states along the characteristics.

    Parameters
    ----------
    settings : PhysicsSettings
        `equation`, `departure`, `interpolation` and `limiter` are used.
    channels : int, optional
        Leading channels of a state that hold intensities, which the equation is
        about; the others are features and only move. All by default.

    Attributes
    ----------
    paths : Characteristics
        The paths of points.
    equation : Equation
        What becomes of a value along its path.
    """

    def __init__(self, settings: PhysicsSettings, channels: int | None = None) -> None:
        self.settings = settings
        self.paths = Characteristics(settings.departure)
        self.equation = EQUATIONS[settings.equation]
        self._channels = channels

    def along(
        self, state: Tensor, places: Tensor, duration: float, zero: Tensor | float = 0.0
    ) -> Tensor:
        """Return what a state becomes along its paths.

        Parameters
        ----------
        state : Tensor, shape (B, c, h, w)
            Values of an observation at `places`.
        places : Tensor, shape (B, 2, h, w)
            Where the paths of the pixels meet the observation.
        duration : float
            Length of the paths as a fraction of the interval; negative where
            they lead back in time.
        zero : Tensor or float
            Value of the state where the intensity is zero, (B, C, 1, 1).

        Returns
        -------
        Tensor, shape (B, c, h, w)
        """
        intensities = state if self._channels is None else state[:, : self._channels]
        changed = self.equation.along(
            intensities, Path(duration, partial(area_ratio, places), zero)
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

        Every stage reads the state of the one before between its pixels, which
        blurs a little each time; one reading at the end of the whole path does
        not.

        Parameters
        ----------
        state : Tensor, shape (B, c, H, W)
            Latent state of the observation.
        fields : Tensor, shape (B, n, 2, H, W)
            Velocity of each stage in pixels per stage.
        end : int
            0 carries the first observation on, 1 the last one back.
        time : float
            Fraction of the interval in [0, 1].
        zero : Tensor or float
            As in `along`.

        Returns
        -------
        Tensor, shape (B, c, H, W)
        """
        n = fields.shape[1]
        whole, part = split_time(n, time)
        if end == 0:
            steps = [(k, 1.0) for k in range(whole)] + ([(whole, part)] if part > 0 else [])
        else:
            first = whole + (part > 0)
            steps = [(k, 1.0) for k in reversed(range(first, n))]
            steps += [(whole, 1.0 - part)] if part > 0 else []
        follow = self.paths.backward if end == 0 else self.paths.forward
        sign = 1.0 if end == 0 else -1.0
        settings = self.settings
        grid = pixel_grid(*state.shape[-2:], device=state.device).expand(len(state), -1, -1, -1)
        for k, length in steps:
            places = follow(fields[:, k], grid, length)
            read = sample(state, places, settings.interpolation, limiter=settings.limiter)
            state = self.along(read, places, sign * length / n, zero)
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
