"""Sizes that files claim, checked before memory is allocated."""

from __future__ import annotations

from pathlib import Path

from napari_latentdyn.errors import ImageFileError

__all__ = ["check_claim"]

#: No compression of real images gets near this ratio; DEFLATE ends at 1032.
_RATIO = 2000
#: Sparse files and blank images of up to this many bytes are read.
_SMALL = 2**28


def check_claim(path: Path, claimed: int) -> None:
    """Raise `ImageFileError` if an image of `claimed` bytes is far larger than its file."""
    if claimed <= _SMALL:
        return
    files = path.rglob("*") if path.is_dir() else [path]
    there = sum(file.stat().st_size for file in files if file.is_file())
    if claimed > _RATIO * there:
        raise ImageFileError(
            f"{path} claims an image of {claimed / 2**30:.3g} GiB, and has only {there} bytes: it "
            "is damaged, or blank; save the image again."
        )
