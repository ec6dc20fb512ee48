"""Damage of TIFF files that tifffile does not notice: circles of pages, overlong segments."""

from __future__ import annotations

import struct
from pathlib import Path

import tifffile

__all__ = ["check_pages", "longest_segment"]

#: By version: how an offset and a number of tags are written, their lengths, and that of a tag.
_LAYOUTS = {42: ("I", "H", 4, 2, 12), 43: ("Q", "Q", 8, 8, 20)}


def check_pages(file: Path) -> None:
    """Raise ValueError if the pages of a TIFF file point at each other in a circle.

    tifffile follows such pages until the memory is full.
    """
    with file.open("rb") as stream:
        head = stream.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 16:
            return
        layout = _LAYOUTS.get(struct.unpack(f"{order}H", head[2:4])[0])
        if layout is None:
            return
        offset_form, count_form, offset_size, count_size, tag_size = layout
        start = 4 if offset_size == 4 else 8
        content, seen = head[start : start + offset_size], set[int]()
        while len(content) == offset_size:
            (offset,) = struct.unpack(order + offset_form, content)
            if offset == 0:
                return
            if offset in seen:
                raise ValueError("its pages form a loop")
            seen.add(offset)
            stream.seek(min(offset, 2**62))
            count = stream.read(count_size)
            if len(count) < count_size:
                return
            (tags,) = struct.unpack(order + count_form, count)
            # A page can have no more tags than there is room for in a file.
            stream.seek(min(offset + count_size + tags * tag_size, 2**62))
            content = stream.read(offset_size)


def longest_segment(series: tifffile.TiffPageSeries) -> int:
    """Return the length in bytes of the longest strip or tile that a file claims.

    In a damaged file it can be longer than the file; tifffile then allocates that much memory.
    """
    pages = (page for page in series.pages if page is not None)
    return max((count for page in pages for count in page.databytecounts), default=0)
