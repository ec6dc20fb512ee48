"""The fixed latent state in which images are matched: intensity and local contrast."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_latentdyn.core.physics.operators import smooth

__all__ = ["RECIPES", "Recipe", "features"]

#: Contrast below which texture counts as noise, in normalised intensity.
_NOISE = 0.03


@dataclass(frozen=True)
class Recipe:
    """How one member of the ensemble sees the images and how stiff its field is.

    Attributes
    ----------
    intensity, contrast : float
        Weights of the two features.
    reach : float
        Standard deviation in pixels of the neighbourhood of the local contrast.
    stiffness : float
        Weight of the second differences of the field against the data.
    factor : float
        Ratio of the sides of two levels of the pyramid.
    """

    intensity: float
    contrast: float
    reach: float
    stiffness: float
    factor: float = 0.5


#: Different stiffness and different features, because neither can be known beforehand: what the
#: members agree on is certain, and their mean is the best guess where they do not. The order is
#: that in which they are added.
RECIPES: tuple[Recipe, ...] = (
    Recipe(intensity=1.0, contrast=0.15, reach=4.0, stiffness=0.2),
    Recipe(intensity=0.5, contrast=0.4, reach=2.0, stiffness=1.0),
    Recipe(intensity=0.5, contrast=0.4, reach=2.0, stiffness=0.3),
    Recipe(intensity=1.0, contrast=0.15, reach=4.0, stiffness=0.1, factor=0.7),
    Recipe(intensity=1.0, contrast=0.15, reach=4.0, stiffness=3.0),
    Recipe(intensity=1.0, contrast=0.15, reach=4.0, stiffness=0.1),
)


def features(image: Tensor, recipe: Recipe) -> Tensor:
    """Return intensity and normalised local contrast, shape (B, 2, H, W).

    The local contrast does not change with brightness, which differs between
    days, and it weighs faint texture like a strong one.

    Parameters
    ----------
    image : Tensor, shape (B, 1, H, W)
        Normalised to about [0, 1].
    recipe : Recipe
        Weights.
    """
    detail = image - smooth(image, recipe.reach)
    deviation = torch.sqrt(smooth(detail**2, recipe.reach) + _NOISE**2)
    return torch.cat([image * recipe.intensity, detail / deviation * recipe.contrast], dim=1)
