"""What napari shows: layers, readers, writers, samples."""
