"""The command ``demo``: a complete run on real images."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from napari_latentdyn.cli.codes import OK
from napari_latentdyn.cli.flags import settings_from
from napari_latentdyn.cli.output import check_target
from napari_latentdyn.cli.runs import fit_and_write
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.sources import describe_input
from napari_latentdyn.core.runfolder.report import is_run_folder
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
        check_target(folder, overwrite=arguments.overwrite, is_ours=is_run_folder)
        first, last = sea_ice_pair()
        size = (SEA_ICE_PIXEL_SIZE, SEA_ICE_PIXEL_SIZE)
        code = fit_and_write(
            Observations.from_arrays(first, last, settings=settings.images).described(
                Geometry.from_pixel_size(size, "meter"),
                [
                    describe_input(f"{SEA_ICE_FILE.name}:{index}", image)
                    for index, image in enumerate((first, last))
                ],
            ),
            settings,
            folder,
            quiet=arguments.quiet,
            overwrite=arguments.overwrite,
        )
    sys.stdout.flush()
    if code == OK and not arguments.no_view:
        if _has_display():
            _show(folder)
        else:
            sys.stderr.write(
                f"There is no display: open the folder in napari with  napari {folder}\n"
            )
    return code


def _is_done(folder: Path, settings: Settings) -> bool:
    if not is_run_folder(folder):
        return False
    run = Dynamics.load(folder)
    cut = run.report.stopped_early or not run.report.frames_complete
    return run.settings == settings and not cut


def _show(folder: Path) -> None:
    import napari

    viewer = napari.Viewer()
    viewer.open(folder, plugin="napari-latentdyn")
    napari.run()


def _has_display() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
