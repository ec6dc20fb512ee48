"""Characteristics, transport, interpolation."""
