"""The equations that a state can follow, by name; the only list of them."""

from __future__ import annotations

from napari_latentdyn.equations.advection import Advection
from napari_latentdyn.equations.base import Compared, Equation, Meeting, Path
from napari_latentdyn.equations.continuity import Continuity
from napari_latentdyn.equations.diffusion import AdvectionDiffusion
from napari_latentdyn.equations.growth import Growth
from napari_latentdyn.equations.limited_growth import LimitedGrowth
from napari_latentdyn.equations.source import AdvectionWithSource
from napari_latentdyn.equations.sparse_source import SparseSource

__all__ = ["AUTO", "DEFAULT", "EQUATIONS", "Compared", "Equation", "Meeting", "Path", "equation_of"]

EQUATIONS: dict[str, Equation] = {
    equation.name: equation
    for equation in (
        AdvectionWithSource(),
        Advection(),
        Continuity(),
        AdvectionDiffusion(),
        Growth(),
        LimitedGrowth(),
        SparseSource(),
    )
}

#: Value of the setting that chooses the equation by prediction, and the equation that is kept
#: where others do not predict better.
AUTO, DEFAULT = "auto", AdvectionWithSource.name


def equation_of(name: str) -> Equation:
    """Return the equation of a value of the setting; of `AUTO`, the one before the choice."""
    return EQUATIONS[DEFAULT if name == AUTO else name]
