"""Both images carried half way between them, and where they can be compared."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from napari_latentdyn.core.physics.operators import smooth
from napari_latentdyn.core.physics.sampling import Interpolation, inside, sample

__all__ = ["HalfWay", "carry_half_way"]


@dataclass(frozen=True, eq=False)
class HalfWay:
    """Both images half way between them.

    Attributes
    ----------
    first, last : Tensor, shape (B, C, H, W)
        The images, carried half way.
    seen_first, seen_last : Tensor of bool, shape (B, 1, H, W)
        True where each image contains the place.
    """

    first: Tensor
    last: Tensor
    seen_first: Tensor
    seen_last: Tensor

    @property
    def seen(self) -> Tensor:
        """Where both images contain the place, (B, 1, H, W) of bool."""
        return self.seen_first & self.seen_last

    @property
    def difference(self) -> Tensor:
        """Last image minus first image, (B, C, H, W)."""
        return self.last - self.first

    def distance(self, largest: float) -> Tensor:
        """Return the absolute difference, limited to `largest`."""
        return self.difference.abs().clamp(max=largest)

    def local_distance(self, largest: float, sigma: float) -> Tensor:
        """Return the weighted mean of `distance` around each place, (B, 1, H, W).

        The weights are Gaussian with standard deviation `sigma` in pixels, and zero where
        one of the images does not contain the place.
        """
        seen = self.seen.to(self.first.dtype)
        distance = self.distance(largest).sum(dim=1, keepdim=True) * seen
        return smooth(distance, sigma) / (smooth(seen, sigma) + 1e-3)


def carry_half_way(
    images: tuple[Tensor, Tensor],
    places: tuple[Tensor, Tensor],
    masks: tuple[Tensor, Tensor] | None = None,
    interpolation: Interpolation = "bilinear",
    least: float = 0.99,
) -> HalfWay:
    """Carry both images half way between them.

    Parameters
    ----------
    images : pair of Tensor, shape (B or 1, C, H, W)
        First and last image, or features of them.
    places : pair of Tensor, shape (B or 1, 2, H, W)
        Positions in both images of the points that are at the pixels half way.
    masks : pair of Tensor, shape (B or 1, 1, H, W), optional
        One where a pixel is valid, zero where it is missing. By default all are valid.
    interpolation : {"bilinear", "bicubic", "spline", "nearest"}
        Kernel of the interpolation of the images.
    least : float
        Least value of a mask where an image counts as seen.

    Returns
    -------
    HalfWay
    """
    shape = (images[0].shape[-2], images[0].shape[-1])
    first, last = (
        sample(image, at, interpolation) for image, at in zip(images, places, strict=True)
    )
    seen = [inside(at, shape) for at in places]
    if masks is not None:
        seen = [s & (sample(m, at) > least) for s, m, at in zip(seen, masks, places, strict=True)]
    return HalfWay(first, last, seen[0], seen[1])
