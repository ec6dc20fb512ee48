"""The equations that a state can follow, by name; the only list of them."""

from __future__ import annotations

from napari_latentdyn.equations.advection import Advection
from napari_latentdyn.equations.base import Equation, Path
from napari_latentdyn.equations.continuity import Continuity
from napari_latentdyn.equations.source import AdvectionWithSource

__all__ = ["EQUATIONS", "Equation", "Path"]

EQUATIONS: dict[str, Equation] = {
    equation.name: equation for equation in (AdvectionWithSource(), Advection(), Continuity())
}
