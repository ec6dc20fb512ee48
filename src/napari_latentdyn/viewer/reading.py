"""Compares layers that other readers opened with the values that this plugin reads."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.observations.images import Selection, load
from napari_latentdyn.viewer.image_reader import FLAT_SUFFIXES, NOTES_KEY, PLUGIN, layer_of
from napari_latentdyn.viewer.layer_geometry import missing_of_layer

if TYPE_CHECKING:
    from napari_latentdyn.viewer.snapshot import Snapshot

__all__ = ["notes_of_snapshots", "reading_notes"]

#: Largest size in bytes that is compared in the thread of the window.
_AT_ONCE = 2**25
#: Tolerance for colours of lossy files, which depend on the decoder.
_LOSSY = 3


@dataclass(frozen=True)
class _Found:
    """Result of one comparison: the file, the data, and the property that differs."""

    file: tuple[str, int, int]
    data: Any
    what: str


_FOUND: weakref.WeakKeyDictionary[Any, _Found] = weakref.WeakKeyDictionary()


def reading_notes(layers: Sequence[Any], *, at_once: bool = True) -> list[str]:
    """Return sentences on how files were read; `at_once` leaves out large files."""
    notes = [
        f"{layer.name}: {note}" for layer in layers for note in layer.metadata.get(NOTES_KEY, ())
    ]
    odd: dict[str, dict[str, str]] = {}
    for layer in layers:
        what = _what_differs(layer, at_once)
        if what:
            odd.setdefault(what, {})[f"“{layer.name}”"] = Path(layer.source.path).name
    for what, found in odd.items():
        one = len(found) == 1
        notes.append(
            f"napari's own reader ignores the {what} defined in "
            f"{' and '.join(dict.fromkeys(found.values()))}, so {' and '.join(found)} "
            f"differ{'s' * one} from the image{'s' * (not one)} that the command line reads: "
            f"open the file{'s' * (not one)} with the reader of Latent Dynamics (File > Open "
            "with Plugin)."
        )
    return notes


def notes_of_snapshots(*snapshots: Snapshot) -> list[str]:
    """Return `reading_notes` of the layers of snapshots, for files of any size."""
    layers = [None if one.layer is None else one.layer() for one in snapshots]
    there = [layer for layer in layers if layer is not None]
    return reading_notes(list(dict.fromkeys(there)), at_once=False)


def _what_differs(layer: Any, at_once: bool) -> str:
    source = layer.source
    if not source.path or source.parent is not None or source.reader_plugin in (None, PLUGIN):
        return ""
    path, data = Path(source.path), layer.data
    if path.suffix.lower() not in FLAT_SUFFIXES or not isinstance(data, np.ndarray):
        return ""
    try:
        stat = path.stat()
    except OSError:
        return ""
    file = (str(path), stat.st_mtime_ns, stat.st_size)
    found = _FOUND.get(layer)
    # A layer that was read correctly was changed on purpose.
    if found is not None and (not found.what or (found.file == file and found.data() is data)):
        return found.what
    if at_once and max(stat.st_size, data.nbytes) > _AT_ONCE:
        return ""
    try:
        what = _compared(layer, path)
    # The readers report files that cannot be read.
    except Exception:  # noqa: BLE001
        what = ""
    _FOUND[layer] = _Found(file, weakref.ref(data), what)
    return what


def _compared(layer: Any, path: Path) -> str:
    values, meta, _ = layer_of(load(Selection(path)).squeezed(), "")
    rgb = bool(getattr(layer, "rgb", False))
    want, clear = _known(np.asarray(values), rgb=meta["rgb"])
    got, hidden = _known(layer.data, rgb=rgb)
    gaps = missing_of_layer(layer)
    if gaps is not None:
        hidden = hidden | (gaps[..., None] if rgb else gaps)
    if rgb != meta["rgb"]:
        grey = rgb and got.shape == (*want.shape, got.shape[-1])
        return "" if grey and _same(got, want[..., None]) else "colours"
    y, x = (-3, -2) if rgb else (-2, -1)
    if got.shape != want.shape:
        if np.swapaxes(got, y, x).shape == want.shape:
            return "orientation"
        # A cropped image, a stack of several files, or another order of axes.
        other = got.ndim != want.ndim or sorted(got.shape) == sorted(want.shape)
        return "" if other else "shape"
    both = ~(hidden | clear)
    if rgb and not both.any() and not clear.all():
        # The other reader took black ink for transparency.
        return "colours"
    if _same(got[both], want[both]):
        return "missing pixels" if (hidden != clear).any() else ""
    turns = [np.flip(got, y), np.flip(got, x), np.flip(got, (y, x))]
    if got.shape[y] == got.shape[x]:
        turns += [np.swapaxes(turn, y, x) for turn in (got, *turns)]
    if any(_same(turn[~clear], want[~clear]) for turn in turns):
        return "orientation"
    return "values"


def _known(data: NDArray[Any], *, rgb: bool) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return values without alpha and leading axes of length one, and the missing pixels."""
    missing = np.isnan(data) if data.dtype.kind == "f" else np.zeros(data.shape, bool)
    if rgb:
        missing = missing[..., :3]
        if data.shape[-1] == 4:
            missing, data = missing | (data[..., 3:] == 0), data[..., :3]
    plane = 3 if rgb else 2
    front = tuple(axis for axis in range(data.ndim - plane) if data.shape[axis] == 1)
    return np.squeeze(data, front), np.squeeze(missing, front)


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    if a.dtype == b.dtype and np.array_equal(a, b):
        return True
    near = _LOSSY if a.dtype == b.dtype == np.uint8 else 0
    return bool(np.allclose(a.astype(np.float64), b.astype(np.float64), rtol=1e-6, atol=near))
