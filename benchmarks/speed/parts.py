"""The parts of the benchmark: which subjects are timed side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.speed.subjects import Subject

__all__ = ["BASE", "PARTS", "rows"]

PARTS = ("sizes", "standard", "frames", "counts", "reference")

#: Largest side on which `standard` is timed, and on which stages, members and channels are.
_LARGEST = 512
#: Side of the frames that are drawn.
_FRAMES = 1024
#: Label of the preset `quick` without changes.
BASE = "as it is"

_STAGES = (2, 8, 16)
_MEMBERS = (1, 4, 6)
_CHANNELS = (2, 4, 8)

Rows = Iterator[tuple[str, dict[str, Subject]]]


def rows(part: str, sizes: Sequence[int]) -> Rows:
    """Yield the label of each row of a part, and its subjects by name.

    Parameters
    ----------
    part : str
        One of `PARTS` except "reference", which has no subjects.
    sizes : sequence of int
        Sides of the images; "standard" and "counts" take those up to 512, or the
        smallest.
    """
    moderate = [size for size in sizes if size <= _LARGEST] or [min(sizes)]
    if part == "sizes":
        for size in sizes:
            yield str(size), {"quick": Subject("fit", size), "flow": Subject("flow", size)}
    elif part == "standard":
        for size in moderate:
            quick, standard = Subject("fit", size), Subject("fit", size, preset="standard")
            yield str(size), {"quick": quick, "standard": standard}
    elif part == "frames":
        yield "3 (`quick`)", {"frames": Subject("frames", _FRAMES)}
        # How carefully they were matched does not change what drawing takes.
        short = {"model.refinement": "short"}
        many = Subject("frames", _FRAMES, preset="standard", changes=short)
        yield "4 (`standard`)", {"frames": many}
    else:
        yield from _counts(max(moderate))


def _counts(size: int) -> Rows:
    quick = Subject("fit", size)
    yield BASE, {"changed": quick}
    for stages in _STAGES:
        yield f"{stages} stages", _against(quick, {"model.stages": stages})
    for members in _MEMBERS:
        label = f"{members} member{'s' if members > 1 else ''}"
        yield label, _against(quick, {"model.members": members})
    for channels in _CHANNELS:
        changed = Subject("fit", size, channels=channels)
        yield f"{channels} channels", {"changed": changed, "quick": quick}


def _against(quick: Subject, changes: dict[str, object]) -> dict[str, Subject]:
    return {"changed": Subject("fit", quick.size, changes=changes), "quick": quick}
