"""The window "Large scene": images that do not fit into the memory."""
