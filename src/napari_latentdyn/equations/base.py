"""The protocol of an equation: how a state changes along the path of a point.

All members describe a state that moves with a velocity field. They differ in the source
term s of ``dz/dt + v . grad z = s``. Nothing here needs PyTorch: the methods are written with the
operators of tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Equation", "Path"]


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
    zero : Tensor or float
        Value of the state where the intensity is zero, (B, C, 1, 1).
    """

    duration: float
    area: Callable[[], Tensor]
    zero: Tensor | float = 0.0


class Equation:
    """Base of all equations: values keep their size along the path.

    A new equation overrides the differing methods, in a file of its own, and is added to
    `EQUATIONS`.

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
    """

    name: ClassVar[str]
    title: ClassVar[str]
    formula: ClassVar[str]
    conserves: ClassVar[str]
    choose: ClassVar[str]
    bounded: ClassVar[bool] = True

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
