"""Layers, readers, writers and samples for napari."""
