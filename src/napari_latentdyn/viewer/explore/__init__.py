"""What can be shown of a result besides its frames and arrows, as napari layers; without Qt."""
