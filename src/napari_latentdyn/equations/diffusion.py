"""Advection and diffusion: structures spread while they move."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_latentdyn.equations.base import Equation

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_latentdyn.equations.base import Compared, Meeting

__all__ = ["AdvectionDiffusion"]

#: Longest waves in pixels that are compared: longer ones are the brightness of regions.
_LONGEST = 40.0
#: Largest diffusivity that is estimated, in pixels^2 per interval.
_LARGEST = 100.0
#: Largest logarithm of a change of contrast.
_LARGEST_GAIN = 20.0
#: Change of the logarithm of an area that is the least one, instead of zero, and the limits of the
#: variance relative to that of an area that does not change.
_EVEN, _LIMITS = 1e-3, (0.5, 2.0)
#: Step of the variance, as a part of it, from which the derivative to the variance is taken.
_STEP = 0.25


class AdvectionDiffusion(Equation):
    r"""Diffusion with a constant diffusivity, from the first observation.

    The first observation is blurred by the heat kernel, with the variance ``2 kappa t``, wherever
    the area of a point does not change. The variance grows and shrinks with the area:

    ``d var / dt = 2 kappa + var d (log area) / dt``.

    The last observation is never sharpened, which would amplify its noise. The difference
    between the last observation and the first one, blurred, is spread evenly over time.
    """

    name = "diffusion"
    title = "advection and diffusion"
    formula = (
        r"\partial_t z + v \cdot \nabla z = \kappa \nabla^2 z + s, "
        r"\qquad \partial_t s + v \cdot \nabla s = 0"
    )
    conserves = "the mean intensity of an area that moves with the flow and has no flux at its edge"
    choose = (
        "Structures spread and lose contrast while they move (a dye, smoke, heat, a plume): the "
        "last image is blurred compared with the first one. The diffusivity is given, or estimated "
        "from both images."
    )
    joint = True
    explains_brightness = True
    constants = ("diffusivity",)

    def coefficients(
        self, compared: Compared, given: Mapping[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the diffusivity in pixels^2 per interval, the same for all channels, (1,)."""
        import numpy as np

        if "diffusivity" in given:
            return {"diffusivity": given["diffusivity"][:1]}
        return {"diffusivity": np.array([estimated_diffusivity(compared)], np.float32)}

    def reach(self, coefficients: Mapping[str, NDArray[np.float32]]) -> int:
        """Return the half width of the kernel of the whole interval."""
        return math.ceil(4 * math.sqrt(2 * float(coefficients["diffusivity"].max())))

    def forward(self, state: Tensor, meeting: Meeting, time: float) -> Tensor:
        """Return the state, blurred by the heat kernel."""
        variance = 2.0 * time * float(meeting.coefficients["diffusivity"])
        if variance <= 0.0:
            return state
        blurred = meeting.smooth(state, variance)
        more = meeting.smooth(blurred, _STEP * variance) - blurred
        return blurred + (self._stretch(meeting, time) - 1) / _STEP * more

    def _stretch(self, meeting: Meeting, time: float) -> Tensor:
        """Return the variance relative to that without a change of areas, (B, 1, H, W).

        An area changes by a constant factor per time, in the same way in all directions.
        """
        first, last = (area.clamp(0.2, 5.0) for area in meeting.areas())
        rate = (last / first).log()
        rate = rate.where(rate.abs() > _EVEN, rate * 0 + _EVEN)
        # The integral over the time since the first observation, at the places of the meeting.
        factor = ((rate * meeting.time).exp() - (rate * (meeting.time - time)).exp()) / rate
        return (factor / time).clamp(*_LIMITS)


def estimated_diffusivity(compared: Compared) -> float:
    """Return the diffusivity in pixels^2 per interval by which small structures fade.

    With ``b = c exp(-kappa k^2)`` for waves of the wavenumber ``k`` and a change of contrast ``c``,
    the sum of ``|z_T - b z_0|^2 / (1 + b^2)`` is least. That is the estimate of largest likelihood
    where both images have the same noise (orthogonal regression): unlike the sum of
    ``|z_T - b z_0|^2``, noise or errors of the motion alone do not look like diffusion.
    """
    import numpy as np
    from scipy import ndimage, optimize

    images = compared.first.numpy(), compared.last.numpy()
    seen = compared.seen.numpy()
    height, width = seen.shape
    # A soft edge, because a sharp one has waves of all lengths.
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    window = window * ndimage.gaussian_filter(seen.astype(np.float32), 2.0) ** 2
    if not window.any():
        return 0.0
    spectra = []
    for image in images:
        mean = (image * window).sum(axis=(1, 2), keepdims=True) / window.sum()
        spectra.append(np.fft.rfft2((image - mean) * window))
    rows, columns = np.fft.fftfreq(height), np.fft.rfftfreq(width)
    waves = rows[:, None] ** 2 + columns**2
    ring = np.sqrt(waves) * min(height, width)
    chosen = waves >= _LONGEST**-2
    number = ring[chosen].astype(int)

    def rings(values: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.bincount(number, values[chosen]).astype(np.float64)

    first, last = spectra
    before, after = (rings((np.abs(image) ** 2).sum(axis=0)) for image in spectra)
    both = rings((first.conj() * last).real.sum(axis=0))
    square = 4 * np.pi**2 * rings(waves) / np.maximum(np.bincount(number), 1)

    def misfit(values: NDArray[np.float64]) -> float:
        # Between images without common structure, the gain would grow beyond all bounds.
        gain = math.exp(min(max(values[1], -_LARGEST_GAIN), _LARGEST_GAIN))
        ratio = gain * np.exp(-(values[0] ** 2) * square)
        squares = after - 2 * ratio * both + ratio**2 * before
        return float((squares / (1 + ratio**2)).sum() / (before + after).sum())

    if not (before + after).any():
        return 0.0
    # From several starts: the misfit can have more than one minimum.
    starts = [(math.sqrt(kappa), 0.0) for kappa in (0.0, 1.0, 5.0, 25.0)]
    found = [optimize.minimize(misfit, start, method="Nelder-Mead") for start in starts]
    best = min(found, key=lambda one: float(one.fun))
    return float(min(best.x[0] ** 2, _LARGEST))
