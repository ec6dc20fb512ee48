"""Prior knowledge of the user: regions of the images, and motion that is known."""
