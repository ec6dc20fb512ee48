"""From two images to a result."""
