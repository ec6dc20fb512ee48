"""Match two images half way between them: the velocity from which training starts."""

from napari_latentdyn.core.matching.pyramid import match_members

__all__ = ["match_members"]
