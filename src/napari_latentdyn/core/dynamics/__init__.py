"""The result of a run, and quantities derived from it."""
