"""The command ``info``."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from napari_latentdyn.cli.codes import OK
from napari_latentdyn.cli.output import run_folder
from napari_latentdyn.core.knowledge.knowledge import in_words
from napari_latentdyn.core.runfolder.evidence import doubts, gains
from napari_latentdyn.core.runfolder.report import read_report

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


def info(arguments: argparse.Namespace) -> int:
    """Print the versions and devices, or what a run folder holds."""
    if arguments.folder is not None:
        sys.stdout.writelines(f"{name:<11}  {value}\n" for name, value in _run_rows(arguments))
        return OK
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
    return OK


def _run_rows(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Yield the lines on a run folder, each a name and a value."""
    folder = run_folder(arguments.folder)
    report = read_report(folder)
    unit = "" if report.interval is None else f" {report.interval.unit}s"
    length = 1.0 if report.interval is None else report.interval.value or 1.0
    first, *_, last = report.observation_times
    yield "folder", str(folder)
    yield "version", report.version or "unknown"
    yield "images", ", ".join(image.name or "an array" for image in report.inputs)
    yield "size", " x ".join(map(str, (report.frames_shape or ())[-2:]))
    yield "times", f"{first * length:g} to {last * length:g}{unit}, {len(report.times)} frames"
    if report.known is not None:
        yield "known", in_words(report.known.model_dump())
        for source in report.known.sources:
            part = report.known.regions.get(source.role)
            covers = "" if part is None else f", {100 * part:.1f} % of the pixels"
            yield f"  {source.role}", f"{source.name}{covers}"
    for sentence in (*gains(report), *doubts(report)):
        yield "result", sentence


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
