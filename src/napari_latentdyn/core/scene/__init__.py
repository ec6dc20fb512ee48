"""Scenes that do not fit into the memory: matched and rendered tile by tile, on disk."""
