"""The readers and writers as commands of the manifest, which ask for what they are not given.

napari calls a reader with a path and a writer with a path and layers. Its command
palette lists the same commands and calls them with nothing: they then ask for a
file or folder, and writers take the layers that are selected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari_latentdyn.errors import UserError
from napari_latentdyn.viewer import exports, writers
from napari_latentdyn.viewer.image_reader import get_image_reader
from napari_latentdyn.viewer.layers import LayerTuple
from napari_latentdyn.viewer.reader import get_reader

if TYPE_CHECKING:
    from napari.viewer import Viewer

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

_PLUGIN = "napari-latentdyn"
_IMAGES = "Images (*.tif *.tiff *.png *.jpg *.jpeg *.gif *.webp *.bmp *.nc *.nc4 *.cdf)"


def read_run(path: str | Sequence[str] | None = None) -> Callable[..., list[LayerTuple]] | None:
    """Return the function that reads a run folder; without a path, ask for one and open it.

    Parameters
    ----------
    path : str or sequence of str, optional
        As for `get_reader`.
    """
    if path is not None:
        return get_reader(path)
    from napari_latentdyn.widgets.file_dialogs import ask_folder

    _open(ask_folder(_window(), "Open a run folder"))
    return None


def read_images(path: str | Sequence[str] | None = None) -> Callable[..., list[LayerTuple]] | None:
    """Return the function that reads image files; without a path, ask for one and open it.

    Parameters
    ----------
    path : str or sequence of str, optional
        As for `get_image_reader`.
    """
    if path is not None:
        return get_image_reader(path)
    from napari_latentdyn.widgets.file_dialogs import ask_file

    _open(ask_file(_window(), "Open an image", _IMAGES))
    return None


def write_layers(path: str | None = None, layer_data: list[LayerTuple] | None = None) -> list[str]:
    """Write layers as `writers.write_layers`; without a path, the layers selected."""
    if path is not None:
        return writers.write_layers(path, layer_data or [])
    chosen = [layer for layer in _selected() if layer[2] in ("image", "vectors")]
    if not chosen:
        _warn("This command saves image and vectors layers: select some in the list first.")
        return []
    return _ask_and_write(lambda target: writers.write_layers(target, chosen), chosen, "")


def _writer(
    write: Callable[[str, Any, dict[str, Any]], list[str]], kind: str, suffix: str
) -> Callable[..., list[str]]:
    """Return a writer of one layer; called without a path, it takes the layer selected."""

    def command(
        path: str | None = None, data: Any = None, meta: dict[str, Any] | None = None
    ) -> list[str]:
        if path is not None:
            return write(path, data, meta or {})
        chosen = [layer for layer in _selected() if layer[2] == kind]
        if len(chosen) != 1:
            _warn(f"This command saves one {kind} layer: select it in the list of layers first.")
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
    from napari.utils.notifications import show_info

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
        _fail(error)
        return []
    show_info(f"Saved to {', '.join(written)}.")
    return written


def _open(path: str) -> None:
    viewer = _viewer()
    if not path or viewer is None:
        return
    try:
        viewer.open(path, plugin=_PLUGIN)
    except (UserError, ValueError) as error:
        # napari raises ValueError where the plugin declines a path.
        _fail(error)


def _selected() -> list[Any]:
    viewer = _viewer()
    if viewer is None:
        return []
    selected = viewer.layers.selection
    return [layer.as_layer_data_tuple() for layer in viewer.layers if layer in selected]


def _viewer() -> Viewer | None:
    from napari import current_viewer

    return current_viewer()


def _window() -> Any:
    from qtpy.QtWidgets import QApplication

    return QApplication.activeWindow()


def _warn(text: str) -> None:
    from napari.utils.notifications import show_warning

    show_warning(text)


def _fail(error: Exception) -> None:
    from napari.utils.notifications import show_error

    show_error(str(error))
