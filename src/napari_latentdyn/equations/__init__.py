"""The equations that a state can follow, by name; the only list of them."""

from __future__ import annotations

from napari_latentdyn.equations.advection import Advection
from napari_latentdyn.equations.base import Compared, Equation, Meeting, Path
from napari_latentdyn.equations.continuity import Continuity
from napari_latentdyn.equations.diffusion import AdvectionDiffusion
from napari_latentdyn.equations.growth import Growth
from napari_latentdyn.equations.limited_growth import LimitedGrowth
from napari_latentdyn.equations.source import AdvectionWithSource

__all__ = ["EQUATIONS", "Compared", "Equation", "Meeting", "Path"]

EQUATIONS: dict[str, Equation] = {
    equation.name: equation
    for equation in (
        AdvectionWithSource(),
        Advection(),
        Continuity(),
        AdvectionDiffusion(),
        Growth(),
        LimitedGrowth(),
    )
}
