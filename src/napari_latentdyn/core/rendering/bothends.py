"""Two images and the paths between them, for coefficients and predictions of an equation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.physics.operators import area_ratio, diffuse
from napari_latentdyn.core.physics.sampling import pixel_grid
from napari_latentdyn.core.rendering.ends import Ends
from napari_latentdyn.core.rendering.meeting import Coefficients, Meetings
from napari_latentdyn.equations import Compared, Equation, Meeting, Path

__all__ = ["BothEnds"]


@dataclass(frozen=True, eq=False)
class BothEnds:
    """Two images, and where the points at the pixels of a time are in both.

    Attributes
    ----------
    interval : Observations
        Two images.
    model : LatentDynamics
        Reads the images.
    places : pair of Tensor, shape (1, 2, H, W)
        Positions in the first and in the last image, in pixels.
    time : float
        Time of the places as a fraction of the interval.
    """

    interval: Observations
    model: LatentDynamics
    places: tuple[Tensor, Tensor]
    time: float

    @classmethod
    def along(
        cls, interval: Observations, fields: NDArray[np.float32], model: LatentDynamics, time: float
    ) -> BothEnds:
        """Follow the stage fields of the interval, (n, 2, H, W) in pixels per stage."""
        device = next(model.parameters()).device
        velocity = torch.from_numpy(fields)[None].to(device)
        grid = pixel_grid(*interval.shape, device=device)
        first, last = (model.transport.paths.trace(end, velocity, grid, time) for end in (0, 1))
        return cls(interval, model, (first, last), time)

    def for_equation(self, equation: Equation) -> BothEnds:
        """Return the same, without a change of brightness if the equation describes it."""
        if not equation.explains_brightness or self.interval.brightness is None:
            return self
        return replace(self, interval=self.interval.with_brightness(None))

    @cached_property
    def _ends(self) -> Ends:
        return Ends(self.model, self.interval)

    @cached_property
    def zeros(self) -> tuple[Tensor, Tensor]:
        """Values of zero intensity."""
        return self._ends.zeros(*self._ends.bounds())

    @cached_property
    def images(self) -> tuple[Tensor, Tensor]:
        """Both images, (1, C, H, W)."""
        return self._ends.whole

    @cached_property
    def seen(self) -> Tensor:
        """One where both images show the place, (1, 1, H, W)."""
        both = [self._ends.seen(end, self.places[end], valid=True)[0] for end in (0, 1)]
        return (both[0] & both[1]).to(self.images[0].dtype)

    @property
    def gain(self) -> Tensor:
        """Factors of the brightness of the last image, (1, C, 1, 1)."""
        known = self.interval.brightness
        gain = np.ones(self.interval.channels, np.float32) if known is None else known[1, :, 0]
        return torch.from_numpy(np.ascontiguousarray(gain)).to(self.seen).view(1, -1, 1, 1)

    def state(self, equation: Equation, end: int, image: Tensor, zero: Tensor) -> Tensor:
        """Return an image, carried to the places as an equation says."""
        places = self.places[end]
        path = Path(self.time - end, partial(area_ratio, places), diffuse, zero)
        return equation.along(self.model.read(image, places), path)

    def compared(self) -> Compared:
        """Return both images, of which the last one is not moved, for the coefficients.

        Sources are allowed where the user knows them, by default everywhere.
        """
        first = self.model.read(self.images[0], self.places[0])[0].cpu()
        zeros = self.zeros[0][0].cpu(), self.zeros[1][0].cpu()
        source = self.interval.known.regions.source
        where = None if source is None else torch.from_numpy(source.any(axis=0))
        return Compared(first, self.images[1][0].cpu(), self.seen[0, 0].cpu() > 0, zeros, where)

    def meeting(self, coefficients: Coefficients) -> Meeting:
        """Return the meeting of both images."""
        return Meetings(self.time, self.zeros, coefficients).at(self.places)

    def frame(self, equation: Equation, coefficients: Coefficients) -> Tensor:
        """Return the frame at the places, (1, C, H, W) in normalised intensities."""
        ends = zip((0, 1), self.images, self.zeros, strict=True)
        states = [self.state(equation, *each) for each in ends]
        weights = [self.seen * 0 + share for share in equation.shares(self.time)]
        if not equation.joint:
            return equation.blend(states, weights)
        return equation.between(states, weights, self.meeting(coefficients))
