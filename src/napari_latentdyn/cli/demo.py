"""The command ``demo``: the main job on real images, from end to end."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from napari_latentdyn.cli.codes import OK
from napari_latentdyn.cli.flags import settings_from
from napari_latentdyn.cli.output import check_target
from napari_latentdyn.cli.runs import run_pair
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.core.runfolder import folder as runfolder
from napari_latentdyn.errors import RunFolderError
from napari_latentdyn.files.paths import output_path
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.samples import (
    SEA_ICE_FILE,
    SEA_ICE_INTERVAL,
    SEA_ICE_PIXEL_SIZE,
    sea_ice_pair,
)

__all__ = ["demo"]


def demo(arguments: argparse.Namespace) -> int:
    """Learn the drift of the bundled sea-ice pair; show it where there is a display."""
    interval = {
        "images.interval": SEA_ICE_INTERVAL["value"],
        "images.interval_unit": SEA_ICE_INTERVAL["unit"],
    }
    settings = settings_from(arguments, given=interval)
    folder = output_path(arguments.output, RunFolderError)
    if not arguments.overwrite and _is_done(folder, settings):
        sys.stderr.write("The demo has run before (--overwrite runs it again); its result is in:\n")
        sys.stdout.write(f"{folder}\n")
        code = OK
    else:
        check_target(folder, overwrite=arguments.overwrite, is_ours=runfolder.is_run_folder)
        first, last = sea_ice_pair()
        size = (SEA_ICE_PIXEL_SIZE, SEA_ICE_PIXEL_SIZE)
        code = run_pair(
            ImagePair.from_arrays(first, last, settings.images),
            settings,
            folder,
            quiet=arguments.quiet,
            inputs={
                "first": runfolder.describe_input(f"{SEA_ICE_FILE.name}:0", first),
                "last": runfolder.describe_input(f"{SEA_ICE_FILE.name}:1", last),
            },
            placement=Geometry.from_pixel_size(size, "meter").to_report(),
            overwrite=arguments.overwrite,
        )
    sys.stdout.flush()
    if code == OK and not arguments.no_view:
        _view(folder)
    return code


def _is_done(folder: Path, settings: Settings) -> bool:
    if not runfolder.is_run_folder(folder):
        return False
    run = runfolder.read_run(folder)
    cut = run.report.get("stopped_early") or not run.report.get("frames_complete", True)
    return run.settings == settings and not cut


def _view(folder: Path) -> None:
    if not _has_display():
        sys.stderr.write(f"No display here: open the folder in napari with  napari {folder}\n")
        return
    _show(folder)


def _show(folder: Path) -> None:
    import napari

    viewer = napari.Viewer()
    viewer.open(folder, plugin="napari-latentdyn")
    napari.run()


def _has_display() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
