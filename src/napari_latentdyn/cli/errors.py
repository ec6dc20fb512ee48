"""Errors of the command line."""

from __future__ import annotations

from napari_latentdyn.errors import UserError

__all__ = ["OutputError", "UsageError"]


class UsageError(UserError, ValueError):
    """The arguments cannot be understood."""


class OutputError(UserError):
    """A result cannot be written, although the input is right."""
