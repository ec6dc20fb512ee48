"""The command ``info``."""

from __future__ import annotations

import argparse
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

__all__ = ["info"]

_PACKAGES = (
    "napari",
    "torch",
    "numpy",
    "scikit-image",
    "tifffile",
    "pydantic",
    "safetensors",
    "matplotlib",
    "av",
    "xarray",
    "zarr",
    "rasterio",
    "PyQt6",
    "PySide6",
)


def info(_: argparse.Namespace) -> int:
    """Print the versions and devices."""
    from napari_latentdyn import __version__
    from napari_latentdyn.core.baselines import list_methods
    from napari_latentdyn.core.networks.device import cuda_note, list_devices

    rows = [
        ("napari-latentdyn", __version__),
        ("Python", platform.python_version()),
        ("System", platform.platform()),
        *((name, found) for name in _PACKAGES if (found := _version(name)) is not None),
    ]
    for device in list_devices():
        free = f", {device.free_bytes / 2**30:.1f} GiB free" if device.free_bytes else ""
        rows.append((f"device {device.name}", f"{device.label}{free}"))
    width = max(len(name) for name, _ in rows)
    sys.stdout.writelines(f"{name:<{width}}  {value}\n" for name, value in rows)
    methods = list_methods()
    width = max(len(method.name) for method in methods)
    sys.stdout.write("\nMethods to compare\n")
    sys.stdout.writelines(
        f"{method.name:<{width}}  {method.missing() or method.description}\n" for method in methods
    )
    note = cuda_note()
    if note:
        sys.stdout.write(f"{note}\n")
    return 0


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
