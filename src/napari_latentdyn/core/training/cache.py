"""Folders that keep the matched intervals of a long series, so that a stopped fit continues."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from napari_latentdyn.core.matching.store import MARK, IntervalStore
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.sources import hash_arrays
from napari_latentdyn.settings import Settings

if TYPE_CHECKING:
    from napari_latentdyn.core.networks.model import LatentDynamics

__all__ = [
    "IN_MEMORY",
    "discard_series",
    "discard_unused",
    "has_intervals",
    "is_long",
    "open_store",
    "series_cache",
    "told_of",
]

#: Bytes of the ensembles of a series up to which they stay in the memory.
IN_MEMORY = 100_000_000
#: Age in seconds from which a folder in the cache of the user is deleted.
_OLD = 14 * 24 * 3600.0
#: Settings that decide the ensembles, and single ones of other groups.
_GROUPS, _SINGLE = ("model", "physics"), ("images.brightness",)


def is_long(observations: Observations, settings: Settings) -> bool:
    """Return whether the ensembles of a series are kept on disk, because they are large."""
    intervals = len(observations) - 1
    members = settings.model.members if settings.model.initial_fields == "matched" else 1
    # Velocities of the members and of the consensus, acceleration and jerk.
    planes = 2 * (members + 1 + 2 * settings.physics.follow_series)
    height, width = observations.shape
    return intervals > 1 and 4 * planes * intervals * height * width > IN_MEMORY


def open_store(
    observations: Observations,
    settings: Settings,
    device: str,
    model: LatentDynamics | None,
    keep: Path | None,
) -> IntervalStore | None:
    """Return the store of a long series, in a temporary folder without `keep`; None for others.

    Parameters
    ----------
    observations : Observations
        K images.
    settings : Settings
        Those of the fit.
    device : str
        Type of the device that matches.
    model : LatentDynamics or None
        Networks that propose velocities.
    keep : Path or None
        The folder.

    Raises
    ------
    RunFolderError
        If the folder cannot be used; see `IntervalStore`.
    """
    if not is_long(observations, settings):
        return None
    content = _hash(observations, settings)
    content.update(f"{device} {importlib.metadata.version('napari-latentdyn')}".encode())
    if model is not None:
        for name, value in sorted(model.state_dict().items()):
            content.update(name.encode() + value.cpu().numpy().tobytes())
    return IntervalStore.of(keep, content.hexdigest(), len(observations) - 1)


def told_of(store: IntervalStore | None) -> list[str]:
    """Return sentences on the intervals that a store kept from an earlier fit."""
    if store is None:
        return []
    found = []
    if store.replaced:
        found.append(
            "Intervals that were kept belong to other images or settings; all are matched."
        )
    if store.finished:
        found.append(f"{store.finished} of {store.count} intervals were matched before.")
    return found


def series_cache(observations: Observations, settings: Settings) -> Path:
    """Return the folder in the cache of the user for a series, to be given to `fit` as `keep`.

    The same images and settings have the same folder, in every session. Folders that were not
    used for 14 days are deleted.

    Parameters
    ----------
    observations : Observations
        K images. For two images and for short series, `fit` writes nothing into the folder.
    settings : Settings
        Those of the fit.
    """
    cache = platformdirs.user_cache_path("napari-latentdyn") / "series"
    oldest = time.time() - _OLD
    for mark in cache.glob(f"*/{MARK}"):
        if mark.stat().st_mtime < oldest:
            IntervalStore.discard(mark.parent)
    content = _hash(observations, settings)
    for name in ("training.device", "training.start_from"):
        content.update(str(settings.get(name)).encode())
    return cache / content.hexdigest()


def has_intervals(keep: Path) -> bool:
    """Return whether a folder holds matched intervals, from which the same fit continues."""
    return (keep / MARK).is_file() and any(keep.glob("*.safetensors"))


def discard_unused(keep: Path) -> None:
    """Delete the folder that `fit` was given as `keep` as soon as no result uses it any more."""
    store = IntervalStore.opened(keep)
    if store is not None:
        store.discard_when_unused()


def discard_series(keep: Path) -> None:
    """Delete the folder that `fit` was given as `keep`, once its result is not used any more.

    Other files in the folder stay, and so does the folder while another process uses it.
    """
    IntervalStore.discard(keep)


def _hash(observations: Observations, settings: Settings) -> hashlib.blake2b:
    """Return a hash of the images and the settings that decide the ensembles."""
    values = settings.model_dump(mode="json")
    chosen = {name: values[name] for name in _GROUPS}
    chosen |= {name: settings.get(name) for name in _SINGLE}
    content = hashlib.blake2b(json.dumps(chosen, sort_keys=True).encode(), digest_size=16)
    arrays = observations.to_arrays()
    if not settings.physics.follow_series and observations.known.tracks is None:
        del arrays["times"]
    hash_arrays(content, arrays)
    return content
