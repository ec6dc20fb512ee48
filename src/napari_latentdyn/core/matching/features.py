"""Image features that matching compares: intensity and local contrast."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_latentdyn.core.physics.operators import local_contrast

__all__ = ["MEMBERS", "MemberParameters", "features"]


@dataclass(frozen=True)
class MemberParameters:
    """Features and stiffness of one ensemble member.

    Attributes
    ----------
    intensity, contrast : float
        Weights of the two features.
    sigma : float
        Standard deviation in pixels of the neighbourhood of the local contrast.
    stiffness : float
        Weight of the second differences of the velocity.
    """

    intensity: float
    contrast: float
    sigma: float
    stiffness: float


#: Stiffness and features vary because the best values are not known beforehand: where the members
#: agree the velocity is certain, and elsewhere their mean is the best estimate. An ensemble of K
#: members consists of the first K.
MEMBERS: tuple[MemberParameters, ...] = (
    MemberParameters(intensity=1.0, contrast=0.15, sigma=4.0, stiffness=0.2),
    MemberParameters(intensity=0.5, contrast=0.4, sigma=2.0, stiffness=0.3),
    MemberParameters(intensity=1.0, contrast=0.15, sigma=4.0, stiffness=0.05),
    MemberParameters(intensity=0.5, contrast=0.4, sigma=2.0, stiffness=1.0),
    MemberParameters(intensity=1.0, contrast=0.15, sigma=4.0, stiffness=3.0),
    MemberParameters(intensity=0.5, contrast=0.4, sigma=2.0, stiffness=0.1),
)


def features(image: Tensor, member: MemberParameters, mask: Tensor | None = None) -> Tensor:
    """Return weighted intensity and local contrast, shape (B, 2, H, W).

    Parameters
    ----------
    image : Tensor, shape (B, 1, H, W)
        Normalised to about [0, 1].
    member : MemberParameters
        Weights.
    mask : Tensor, shape (1, 1, H, W), optional
        Valid fraction of each pixel: missing ones do not enter the local contrast.
    """
    contrast = local_contrast(image, member.sigma, mask)
    return torch.cat([image * member.intensity, contrast * member.contrast], dim=1)
