"""Errors of the command line alone."""

from __future__ import annotations

from napari_latentdyn.errors import UserError

__all__ = ["ImageFileError", "OutputError", "UsageError"]


class UsageError(UserError, ValueError):
    """The arguments cannot be understood."""


class ImageFileError(UserError, ValueError):
    """A file cannot be read as one image."""


class OutputError(UserError):
    """A result cannot be written, although the input is right."""
