"""Whether standard deviations of velocities and frames cover the true errors."""
