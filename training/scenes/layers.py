"""Layers of material, painted over each other from back to front."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.scenes.draws import Canvas
from training.scenes.motions import HALF, Motion
from training.scenes.shapes import Shape

Window = tuple[slice, slice]


class Painting:
    """What is visible at several times, and how what is visible half way moves.

    Parameters
    ----------
    canvas : Canvas
        With the crop that is painted.
    times : sequence of float
        0, 1/2 and 1 are added.
    """

    def __init__(self, canvas: Canvas, times: Sequence[float]) -> None:
        self.canvas = canvas
        self.moments = sorted({float(time) for time in times} | {0.0, HALF, 1.0})
        self.times = torch.tensor(self.moments)
        self.pixels = canvas.pixels()
        shape = (len(self.moments), *canvas.size)
        self.frames = torch.zeros(shape)
        self.owner = torch.full(shape, -1.0)
        self.ends = self.pixels.expand(2, -1, -1, -1).clone()
        self.conventions: list[bool] = []
        self._departures: dict[int, tuple[Motion, Tensor, Tensor]] = {}

    def trace(self, motion: Motion, window: Window | None = None) -> tuple[Tensor, Tensor]:
        """Find where the material in a window is half way, and at both ends.

        Returns
        -------
        departure : Tensor of shape (T, 2, h, w)
            Where material that is at a pixel at each time is half way.
        ends : Tensor of shape (2, 2, h, w)
            Where material that is at a pixel half way is at t = 0 and t = 1.
        """
        # Sheets of the same motion, as sources on a flow, share its characteristics.
        if window is None and id(motion) in self._departures:
            return self._departures[id(motion)][1:]
        points = self.pixels if window is None else self.pixels[:, window[0], window[1]]
        count = len(self.times)
        departure = motion.departure(points.expand(count, -1, -1, -1), self.times)
        ends = motion.arrival(points.expand(2, -1, -1, -1), torch.tensor([0.0, 1.0]))
        if window is None:
            # The motion is kept with its results, so that no other can take its identity.
            self._departures[id(motion)] = motion, departure, ends
        return departure, ends

    def over(
        self,
        radiance: Tensor,
        opacity: Tensor,
        ends: Tensor,
        *,
        window: Window | None = None,
        convention: bool = False,
        threshold: float = 0.5,
    ) -> None:
        """Paint over what is there.

        Parameters
        ----------
        radiance, opacity : Tensor of shape (T, h, w)
            At all times.
        ends : Tensor of shape (2, 2, h, w)
            See `trace`.
        window : tuple of slice, optional
            Where; by default everywhere.
        convention : bool
            Whether its motion is but a convention where it is not visible at both ends.
        threshold : float
            What opacity makes it count as visible.
        """
        rows, columns = window or (slice(None), slice(None))
        below = self.frames[:, rows, columns]
        self.frames[:, rows, columns] = below + opacity * (radiance - below)
        visible = opacity > threshold
        self.owner[:, rows, columns].masked_fill_(visible, float(len(self.conventions)))
        self.conventions.append(convention)
        half = visible[self.moments.index(HALF)]
        target = self.ends[:, :, rows, columns]
        self.ends[:, :, rows, columns] = torch.where(half, ends, target)

    def known(self) -> Tensor:
        """Find where half way something is visible that tells the motion, as (1, H, W)."""
        owner = self.owner[self.moments.index(HALF)]
        seen, hidden = [], []
        for end, moment in enumerate((0.0, 1.0)):
            place = self.ends[end].round().long()
            limits = torch.tensor(self.canvas.size)[:, None, None]
            inside = ((place >= 0) & (place < limits)).all(0)
            y, x = place.clamp(min=0).minimum(limits - 1)
            same = self.owner[self.moments.index(moment)][y, x] == owner
            seen.append(inside & same)
            hidden.append(inside & ~same)
        convention = torch.tensor([*self.conventions, False])[owner.long()]
        unknown = convention & (hidden[0] | hidden[1])
        return ((seen[0] | seen[1]) & ~unknown)[None].float()


class Layer(ABC):
    """Something that can be painted."""

    @abstractmethod
    def paint(self, painting: Painting) -> None:
        """Paint it over what is there already."""


@dataclass(frozen=True, eq=False)
class Sheet(Layer):
    """Material everywhere on the canvas, with holes if it has an opacity.

    Attributes
    ----------
    radiance : Tensor of shape (h, w)
        On the samples of the canvas.
    motion : Motion
        Of the material and its holes.
    opacity : Tensor of shape (h, w), optional
        Without it, everything is opaque.
    evolution : Tensor of shape (h, w), optional
        Relative change of the radiance over the interval.
    fade : tuple of float, optional
        Factors of the opacity at both ends.
    convention : bool
        See `Painting.over`.
    """

    radiance: Tensor
    motion: Motion
    opacity: Tensor | None = None
    evolution: Tensor | None = None
    fade: tuple[float, float] = (1.0, 1.0)
    convention: bool = False

    def paint(self, painting: Painting) -> None:
        """Look every time up from the same material."""
        departure, ends = painting.trace(self.motion)
        channels = [self.radiance]
        channels += [c for c in (self.opacity, self.evolution) if c is not None]
        found = painting.canvas.lookup(torch.stack(channels), departure)
        radiance, times = found[:, 0], painting.times[:, None, None]
        if self.evolution is not None:
            radiance = radiance * (1 + (times - HALF) * found[:, -1])
        opacity = torch.ones(()) if self.opacity is None else found[:, 1].clamp(0, 1)
        opacity = opacity * (self.fade[0] + (self.fade[1] - self.fade[0]) * times)
        painting.over(
            radiance,
            opacity.expand_as(radiance),
            ends,
            convention=self.convention,
            threshold=0.5 if self.fade == (1.0, 1.0) else 0.25,
        )


@dataclass(frozen=True, eq=False)
class Body(Layer):
    """A piece of material inside an outline that keeps its shape, or nearly.

    Attributes
    ----------
    material : Tensor of shape (h, w)
        Radiance on the samples of the canvas, around zero.
    shape : Shape
        Outline, at time `reference`.
    motion : Motion
        Best an affine one.
    reference : float
        When the outline and the material are where they say.
    base : float
        Added to the material.
    dome : float
        How much darker it is at the edge than in the middle.
    rim : float
        Added near the edge.
    evolution : float
        Relative change of the radiance over the interval.
    overlap : float
        How far the material reaches beyond the outline, in pixels: neighbours whose soft edges
        overlap leave no seam between them.
    """

    material: Tensor
    shape: Shape
    motion: Motion
    reference: float = HALF
    base: float = 0.0
    dome: float = 0.0
    rim: float = 0.0
    evolution: float = 0.0
    overlap: float = 0.0

    def paint(self, painting: Painting) -> None:
        """Paint inside the window that the body passes through."""
        window = self._window(painting)
        if window is None:
            return
        departure, ends = painting.trace(self.motion, window)
        if self.reference != HALF:
            reference = torch.full_like(painting.times, self.reference)
            departure = self.motion.arrival(departure, reference)
        found = painting.canvas.lookup(self.material[None], departure)[:, 0]
        distance = self.shape.distance(departure) - self.overlap
        radiance = self.base + found
        if self.rim:
            radiance = radiance + self.rim * torch.exp(-0.5 * (distance + 1.5) ** 2)
        if self.dome:
            depth = (-distance / self.shape.reach).clamp(0, 1)
            radiance = radiance * (1 - self.dome * (1 - depth) ** 2)
        if self.evolution:
            radiance = radiance * (1 + self.evolution * (painting.times - HALF)[:, None, None])
        # An edge of one pixel: what the area of a sensor element sees of a sharp one.
        opacity = (0.5 - distance).clamp(0, 1)
        painting.over(radiance, opacity, ends, window=window)

    def _window(self, painting: Painting) -> Window | None:
        """Bound the body at all times; None where it never enters the crop."""
        count, times = len(painting.times), painting.times
        centre = self.shape.centre[None, :, None, None]
        half = self.motion.departure(centre, torch.tensor([self.reference]))
        path = self.motion.arrival(half.expand(count, -1, -1, -1), times)[:, :, 0, 0]
        reach = 1.3 * self.shape.reach + 3
        low = (path.amin(0) - reach).floor().int().tolist()
        high = (path.amax(0) + reach).ceil().int().tolist()
        ranges = [
            slice(max(a, 0), min(b, n))
            for a, b, n in zip(low, high, painting.canvas.size, strict=True)
        ]
        if any(r.start >= r.stop for r in ranges):
            return None
        return ranges[0], ranges[1]
