"""Layers of a result besides its frames and arrows, for napari; without Qt."""
