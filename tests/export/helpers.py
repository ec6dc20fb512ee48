"""Datasets that differ in a few arguments."""

from __future__ import annotations

from typing import Any

import xarray

from napari_latentdyn.export import make_dataset


def changed(parts: dict[str, Any], **changes: Any) -> xarray.Dataset:
    """Return the dataset of `parts` with other values of some."""
    return make_dataset(**parts | changes)
