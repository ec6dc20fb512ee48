"""From observations to a result."""
