"""Errors of decoders, as one sentence for the user."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from napari_latentdyn.errors import ImageFileError, UserError
from napari_latentdyn.files.paths import named

__all__ = ["guarded"]

_Read = TypeVar("_Read")


def guarded(path: Path, read: Callable[[], _Read]) -> _Read:
    """Read a file, and turn every error of its decoder into one sentence."""
    try:
        return read()
    except UserError:
        raise
    except MemoryError:
        raise ImageFileError(f"{named(path)} does not fit into the memory.") from None
    except ImportError as error:
        raise ImageFileError(
            f"{named(path)} needs the library {error.name}, which is missing: install it with pip."
        ) from None
    # Decoders raise many kinds of errors for damaged files.
    except Exception as error:  # noqa: BLE001
        # GDAL tells the reason in the error before.
        told = error.__cause__ or error.__context__ if "previous exception" in str(error) else error
        text = "it is cut off or damaged" if told is None else str(told)
        reason = " ".join(text.split()).rstrip(".")[:300] or type(error).__name__
        raise ImageFileError(f"{named(path)} cannot be read as an image: {reason}.") from None
