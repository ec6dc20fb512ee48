"""The command ``scene``: images that do not fit into the memory."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_latentdyn.cli.codes import OK
from napari_latentdyn.cli.flags import settings_from
from napari_latentdyn.cli.learn import interruptible
from napari_latentdyn.cli.progress import ProgressLine
from napari_latentdyn.core.observations.images.windows import open_windows
from napari_latentdyn.core.scene.plan import BegunScene, begin_scene, plan_scene, scene_target
from napari_latentdyn.core.scene.request import SceneRequest
from napari_latentdyn.errors import ExportError, RunFolderError, Stopped
from napari_latentdyn.export.scene import make_scene_frames, write_big_tiff
from napari_latentdyn.files.paths import absolute, check_writable
from napari_latentdyn.generators import drain
from napari_latentdyn.settings.scene import SCENE_PRESETS, SceneOptions

if TYPE_CHECKING:
    from napari_latentdyn.core.scene.run import SceneProgress

__all__ = ["scene"]


def scene(arguments: argparse.Namespace) -> int:
    """Match two large images tile by tile, and write frames as OME-Zarr."""
    if arguments.preset is None and arguments.settings is None:
        arguments.preset = SCENE_PRESETS[0]
    options = SceneOptions.parse({"tile": arguments.tile, "scheduler": arguments.scheduler})
    settings = settings_from(arguments)
    sources = arguments.first, arguments.last
    images = open_windows(sources[0]), open_windows(sources[1])
    plan = plan_scene(sources, images, settings, options)
    sys.stderr.writelines(f"{sentence}\n" for sentence in plan.oddities)
    tiff = _tiff(arguments, plan.request)
    begun = begin_scene(plan, scene_target(arguments.output), overwrite=arguments.overwrite)
    folder = begun.folder
    line = ProgressLine(quiet=arguments.quiet)
    if not begun.finished:
        code = _compute(begun, line)
        if code != OK:
            return code
    elif tiff is None:
        raise RunFolderError(
            f"the scene in {folder.path} is finished; --overwrite computes it again."
        )
    if tiff is not None:
        line.tell(f"Writing {tiff}")
        write_big_tiff(folder.frames, tiff)
    sys.stdout.write(f"{folder.path}\n")
    return OK


def _compute(begun: BegunScene, line: ProgressLine) -> int:
    """Compute what is left of a scene; return the exit code."""
    # PyTorch is imported here: before `interruptible`, Ctrl-C stops that at once.
    steps = begun.compute(make_scene_frames)
    stopping = "Stopping after this tile. The finished tiles are kept."
    with interruptible(line, stopping) as interrupt:

        def tell(progress: SceneProgress) -> None:
            # Per mille, so that the time that is left can be told.
            line.step("scene", int(1000 * progress.done / progress.total), 1000, progress.message)
            if interrupt.should_stop():
                raise Stopped

        try:
            drain(steps, tell)
        except (Stopped, KeyboardInterrupt):
            line.note(f"Stopped; the same command continues the scene in {begun.folder.path}.")
            return interrupt.code
    return OK


def _tiff(arguments: argparse.Namespace, request: SceneRequest) -> Path | None:
    """Return the path of the BigTIFF, checked before the computation."""
    if arguments.tiff is None:
        return None
    path = absolute(arguments.tiff, ExportError)
    if str(path.resolve()) in request.images:
        raise ExportError(f"{path} is an image of the scene: choose another name for --tiff.")
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise ExportError(f"--tiff must be a file that ends in .tif or .tiff; got {path.name}.")
    if not path.parent.is_dir():
        raise ExportError(f"there is no folder {path.parent} for --tiff; make it first.")
    if path.exists() and (path.is_dir() or not arguments.overwrite):
        raise ExportError(f"{path} exists: choose another name for --tiff, or --overwrite.")
    check_writable(path, ExportError, folder=False)
    return path
