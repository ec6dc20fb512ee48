"""Whole images out of windows."""
