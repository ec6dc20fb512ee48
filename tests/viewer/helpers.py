"""Helpers of the tests of layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from napari.components import ViewerModel
from napari.layers import Layer

from napari_latentdyn.viewer.layers import update_or_add


def result(viewer: ViewerModel, tuples: list[Any]) -> list[Layer]:
    added = update_or_add(viewer, tuples)
    viewer.layers.selection = set(added)
    return added


def pixels_of(path: Path) -> tuple[np.ndarray, str, dict[str, Any]]:
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        meta = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
        return file.asarray(), file.series[0].axes, meta


def added(viewer: ViewerModel, tuples: list[Any], **kwargs: Any) -> list[Any]:
    return update_or_add(viewer, tuples, **kwargs)
