"""The compute core: observations, patches, networks, physics, fit and result.

Nothing in here imports Qt, napari or magicgui, so that the same code serves
the window, the command line and scripts.
"""
