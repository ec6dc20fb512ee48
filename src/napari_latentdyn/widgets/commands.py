"""Commands of the manifest: readers and writers that ask for missing arguments.

napari calls a reader with a path and a writer with a path and layers. Its command palette calls the
same commands without arguments: they ask for a path, and writers take the selected layers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

from napari_latentdyn.errors import UserError
from napari_latentdyn.viewer import exports, writers
from napari_latentdyn.viewer.image_reader import PLUGIN, get_image_reader
from napari_latentdyn.viewer.layers import LayerTuple
from napari_latentdyn.viewer.reader import get_reader

__all__ = [
    "read_images",
    "read_run",
    "write_image",
    "write_layers",
    "write_movie",
    "write_netcdf",
    "write_vectors",
    "write_zarr",
]

_IMAGES = "Images (*.tif *.tiff *.png *.jpg *.jpeg *.gif *.webp *.bmp *.nc *.nc4 *.cdf)"


def read_run(path: str | Sequence[str] | None = None) -> Callable[..., list[LayerTuple]] | None:
    """Return the reader of a run folder; without a path, ask for a folder and open it."""
    if path is not None:
        return get_reader(path)
    from napari_latentdyn.widgets.file_dialogs import ask_folder

    _open(ask_folder(_window(), "Open a run folder"))
    return None


def read_images(path: str | Sequence[str] | None = None) -> Callable[..., list[LayerTuple]] | None:
    """Return the reader of image files; without a path, ask for a file and open it."""
    if path is not None:
        return get_image_reader(path)
    from napari_latentdyn.widgets.file_dialogs import ask_file

    _open(ask_file(_window(), "Open an image", _IMAGES))
    return None


def write_layers(path: str | None = None, layer_data: list[LayerTuple] | None = None) -> list[str]:
    """Write layers with `writers.write_layers`; without a path, write the selected layers."""
    if path is not None:
        return writers.write_layers(path, layer_data or [])
    chosen = [layer for layer in _selected() if layer[2] in ("image", "vectors")]
    if not chosen:
        _notify("warning", "This command saves image and vectors layers: select some in the list.")
        return []
    return _ask_and_write(lambda target: writers.write_layers(target, chosen), chosen, "")


def _writer(
    write: Callable[[str, Any, dict[str, Any]], list[str]], kind: str, suffix: str
) -> Callable[..., list[str]]:
    """Return a command that writes one layer; without a path, the selected layer."""

    def command(
        path: str | None = None, data: Any = None, meta: dict[str, Any] | None = None
    ) -> list[str]:
        if path is not None:
            return write(path, data, meta or {})
        chosen = [layer for layer in _selected() if layer[2] == kind]
        if len(chosen) != 1:
            _notify("warning", f"This command saves one {kind} layer: select it in the list.")
            return []
        return _ask_and_write(lambda target: write(target, *chosen[0][:2]), chosen, suffix)

    command.__doc__ = write.__doc__
    return command


write_image = _writer(writers.write_image, "image", ".ome.tif")
write_vectors = _writer(writers.write_vectors, "vectors", ".csv")
write_zarr = _writer(exports.write_zarr, "image", ".ome.zarr")
write_movie = _writer(exports.write_movie, "image", ".mp4")
write_netcdf = _writer(exports.write_netcdf, "image", ".nc")


def _ask_and_write(write: Callable[[str], list[str]], chosen: list[Any], suffix: str) -> list[str]:
    from napari_latentdyn.widgets.file_dialogs import ask_target

    name = re.sub(r"[^\w.-]+", "_", str(chosen[0][1].get("name", ""))).strip("_.") or "layers"
    target = ask_target(
        _window(), "Save the selected layers", f"{name}{suffix}", f"(*{suffix})" if suffix else ""
    )
    if not target:
        return []
    try:
        written = write(target)
    except UserError as error:
        _notify("error", str(error))
        return []
    _notify("info", f"Saved to {', '.join(written)}.")
    return written


def _open(path: str) -> None:
    from napari import current_viewer

    viewer = current_viewer()
    if not path or viewer is None:
        return
    try:
        viewer.open(path, plugin=PLUGIN)
    except (UserError, ValueError) as error:
        # napari raises ValueError if the plugin declines a path.
        _notify("error", str(error))


def _selected() -> list[Any]:
    from napari import current_viewer

    layers = [] if (viewer := current_viewer()) is None else viewer.layers
    return [layer.as_layer_data_tuple() for layer in layers if layer in viewer.layers.selection]


def _window() -> Any:
    from qtpy.QtWidgets import QApplication

    return QApplication.activeWindow()


def _notify(severity: Literal["info", "warning", "error"], text: str) -> None:
    from napari.utils import notifications

    getattr(notifications, f"show_{severity}")(text)
