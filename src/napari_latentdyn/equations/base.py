"""The protocol of an equation: how a state changes along the path of a point.

All members describe a state that moves with a velocity field. They differ in the source
term s of ``dz/dt + v . grad z = s``. Nothing here needs PyTorch: the methods are written with the
operators of tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["Compared", "Equation", "Meeting", "Path"]


#: Least time from a meeting to an observation, as a fraction of the interval.
_NEXT = 1e-6


@dataclass(frozen=True)
class Path:
    """The paths of the points of a grid, from one observation to another time.

    Attributes
    ----------
    duration : float
        Length of the paths as a fraction of the interval; negative where points
        are followed back in time, from the last observation.
    area : callable
        Returns the area at the observation of what fills one pixel at the other
        time, shape (B, 1, H, W): above 1 where the flow converges.
    smooth : callable
        Smooths a map with the heat kernel of a variance in pixels^2.
    zero : Tensor or float
        Value of the state where the intensity is zero, (B, C, 1, 1).
    """

    duration: float
    area: Callable[[], Tensor]
    smooth: Callable[[Tensor, float], Tensor]
    zero: Tensor | float = 0.0


@dataclass(frozen=True)
class Meeting:
    """The time and the places at which the states of both observations meet.

    Attributes
    ----------
    time : float
        Fraction of the interval, at least a millionth from both observations.
    areas : callable
        Returns the areas at the first and at the last observation of what fills one
        pixel at this time, each of shape (B, 1, H, W).
    smooth : callable
        Smooths a state with the heat kernel of a variance in pixels^2.
    zeros : pair of Tensor or float
        Values of both states where the intensity is zero, (B, C, 1, 1).
    coefficients : mapping of str to Tensor
        Coefficients of the equation by name: a number for each channel, (1, C, 1, 1), or a map
        that is read where the paths meet the last observation, (B, 1, H, W).
    """

    time: float
    areas: Callable[[], tuple[Tensor, Tensor]]
    smooth: Callable[[Tensor, float], Tensor]
    zeros: tuple[Tensor | float, Tensor | float] = (0.0, 0.0)
    coefficients: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Solutions divide by the time from both observations, in single precision.
        object.__setattr__(self, "time", min(max(self.time, _NEXT), 1.0 - _NEXT))

    @property
    def zero(self) -> Tensor | float:
        """Value of zero intensity at the time of the meeting."""
        return (1.0 - self.time) * self.zeros[0] + self.time * self.zeros[1]


@dataclass(frozen=True, eq=False)
class Compared:
    """Both observations at the time of the last one, from which coefficients are estimated.

    Attributes
    ----------
    first : Tensor, shape (C, H, W)
        Normalised first image, carried along the paths to the last one.
    last : Tensor, shape (C, H, W)
        Normalised last image.
    seen : Tensor of bool, shape (H, W)
        True where both images show the place.
    zeros : pair of Tensor, shape (C, 1, 1)
        Values of zero intensity in both images.
    allowed : Tensor of bool, shape (H, W), optional
        True where sources may act, on the grid of the last image; everywhere by default.
    """

    first: Tensor
    last: Tensor
    seen: Tensor
    zeros: tuple[Tensor, Tensor]
    allowed: Tensor | None = None


class Equation:
    """Base of all equations: values keep their size along the path.

    A new equation overrides the differing methods, in a file of its own, and is added to
    `EQUATIONS`. An equation that needs both observations at once sets `joint`. Its solution
    starts from the first observation, which `forward` carries through time. The difference that
    remains at the last observation is spread evenly over time, on a scale of values (`scaled`) on
    which the change along a path is constant.

    Attributes
    ----------
    name : str
        Value of the setting ``physics.equation``.
    title : str
        Name in the window.
    formula : str
        The equation in LaTeX.
    conserves : str
        What it conserves.
    choose : str
        When to choose it.
    bounded : bool
        Whether a state never leaves the range of the observations (maximum
        principle), so that a limiter may cut what does.
    joint : bool
        Whether states are blended by `between`, which needs both observations at once.
    explains_brightness : bool
        Whether the equation itself describes an overall change of brightness or contrast.
    constants : tuple of str
        Names of the coefficients. A setting ``physics.<name>`` can give each of them, except for
        "rate": the usual change on the scale of `scaled`, for places that one image shows.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    formula: ClassVar[str]
    conserves: ClassVar[str]
    choose: ClassVar[str]
    bounded: ClassVar[bool] = True
    joint: ClassVar[bool] = False
    explains_brightness: ClassVar[bool] = False
    constants: ClassVar[tuple[str, ...]] = ()

    def shares(self, time: float) -> tuple[float, float]:
        """Return the weights of the states carried from the first and the last observation.

        Parameters
        ----------
        time : float
            Fraction of the interval in [0, 1].
        """
        return 1.0 - time, time

    @property
    def ends(self) -> tuple[int, ...]:
        """Observations that are carried: 0 for the first one, 1 for the last one."""
        return (0, 1) if self.shares(1.0)[1] > 0 else (0,)

    def along(self, state: Tensor, path: Path) -> Tensor:
        """Return the state at the end of its path.

        Parameters
        ----------
        state : Tensor, shape (B, C, H, W)
            Values of the observation, read where the paths of the pixels meet it.
        path : Path
            The paths.

        Returns
        -------
        Tensor, shape (B, C, H, W)
        """
        return state

    def blend(self, states: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """Return one state out of those that were carried from the observations.

        Parameters
        ----------
        states : sequence of Tensor, shape (B, C, H, W)
            Carried states.
        weights : sequence of Tensor, shape (B, 1, H, W)
            Weights, which add up to one at each pixel.
        """
        total = states[0] * weights[0]
        for state, weight in zip(states[1:], weights[1:], strict=True):
            total = total.addcmul_(state, weight)
        return total

    def coefficients(
        self, compared: Compared, given: Mapping[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the coefficients of an interval by name: numbers (C,) or maps (H, W).

        Parameters
        ----------
        compared : Compared
            Both observations.
        given : mapping of str to ndarray, shape (C,)
            Coefficients that the user has set; they are not estimated.
        """
        found = dict(given)
        if "rate" in self.constants:
            # Its own coefficients, without a place or a time.
            numbers = {name: compared.first.new_tensor(v)[:, None] for name, v in found.items()}
            ends = zip((compared.first, compared.last), compared.zeros, strict=True)
            amounts = [(image - zero)[:, compared.seen] for image, zero in ends]
            before, after = (self.scaled(values, numbers) for values in amounts)
            rate = (after - before).median(dim=1).values if compared.seen.any() else 0 * before
            found["rate"] = rate.numpy()
        return found

    def reach(self, coefficients: Mapping[str, NDArray[np.float32]]) -> int:
        """Return the distance in pixels up to which a value depends on states and paths."""
        return 0

    def forward(self, state: Tensor, meeting: Meeting, time: float) -> Tensor:
        """Return the solution at a time from the first observation alone.

        Parameters
        ----------
        state : Tensor, shape (B, C, H, W)
            First observation, carried to the places of the meeting.
        meeting : Meeting
            The places, at which the solution is returned.
        time : float
            Fraction of the interval in [0, 1].
        """
        return state

    def scaled(self, amount: Tensor, coefficients: Mapping[str, Tensor]) -> Tensor:
        """Return amounts above zero intensity on the scale on which changes are constant."""
        return amount

    def unscaled(self, value: Tensor, coefficients: Mapping[str, Tensor]) -> Tensor:
        """Return the amounts above zero intensity of values on the scale."""
        return value

    def between(
        self, states: Sequence[Tensor], weights: Sequence[Tensor], meeting: Meeting
    ) -> Tensor:
        """Return the solution between both observations, which it reproduces at their times.

        Parameters
        ----------
        states, weights
            As in `blend`; one state at the time of an observation, and the first one before the
            last.
        meeting : Meeting
            The time and the places.
        """
        if len(states) == 1:
            return states[0]
        (first, last), (before, after) = states, weights
        time, (start, end), known = meeting.time, meeting.zeros, meeting.coefficients
        now, then = (self.forward(first, meeting, at) for at in (time, 1.0))
        value, target = self.scaled(now - start, known), self.scaled(last - end, known)
        if now is not then:
            # What the first observation loses until the last one, where both are seen.
            lost = value - self.scaled(then - start, known)
            target = target + lost * (before / (1.0 - time)).clamp(max=1.0)
        if "rate" in known:
            # Where both are seen, the two terms are opposite.
            value, target = value + known["rate"] * time, target - known["rate"] * (1.0 - time)
        return meeting.zero + self.unscaled(value * before + target * after, known)
