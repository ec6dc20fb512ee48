"""Files: valid names, writing whole or not at all, limits on size."""
