"""The images, checked and normalised, and how their files are read."""
