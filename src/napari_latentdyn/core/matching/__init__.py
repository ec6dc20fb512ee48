"""The velocity half way between two images, found by matching them."""
