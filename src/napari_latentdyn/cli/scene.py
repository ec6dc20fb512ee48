"""The command ``scene``: images that do not fit into the memory."""

from __future__ import annotations

import argparse
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from napari_latentdyn.cli.codes import OK
from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.cli.flags import settings_from
from napari_latentdyn.cli.learn import interruptible
from napari_latentdyn.cli.progress import ProgressLine
from napari_latentdyn.core.geometry.checks import Described, check_grids, place_oddities
from napari_latentdyn.core.observations.images.windows import WindowedImage, open_windows
from napari_latentdyn.core.scene.folder import (
    SceneFolder,
    SceneRequest,
    is_scene_folder,
    request_of,
)
from napari_latentdyn.errors import ExportError, RunFolderError, Stopped, UserError
from napari_latentdyn.export.scene import make_scene_frames, write_big_tiff
from napari_latentdyn.files.paths import absolute, check_writable
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings

__all__ = ["scene"]


def scene(arguments: argparse.Namespace) -> int:
    """Match two large images tile by tile, and write frames as OME-Zarr."""
    if arguments.preset is None and arguments.settings is None:
        arguments.preset = "quick"
    if arguments.tile < 64:
        raise UsageError(f"--tile must be at least 64 pixels; got {arguments.tile}.")
    settings = settings_from(arguments)
    images = open_windows(arguments.first), open_windows(arguments.last)
    request = request_of((arguments.first, arguments.last), images, settings, arguments.tile)
    told = [Described(image.name, image.geometry, image.coordinates) for image in images]
    check_grids(*told)
    sys.stderr.writelines(f"{sentence}\n" for sentence in place_oddities(*told))
    tiff = _tiff(arguments, request)
    folder = SceneFolder(_target(arguments))
    begun = is_scene_folder(folder.path)
    folder.start(request)
    line = ProgressLine(quiet=arguments.quiet)
    if not folder.report():
        try:
            code = _compute(folder, request, images, settings, arguments.scheduler, line)
        except UserError:
            if not begun:
                folder.discard()
            raise
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


def _compute(
    folder: SceneFolder,
    request: SceneRequest,
    images: tuple[WindowedImage, WindowedImage],
    settings: Settings,
    scheduler: str | None,
    line: ProgressLine,
) -> int:
    """Compute what is left of a scene; return the exit code."""
    # The import takes seconds; before `interruptible`, Ctrl-C stops it at once.
    from napari_latentdyn.core.scene.cluster import dask_workers
    from napari_latentdyn.core.scene.run import SceneProgress, run_scene

    stopping = "Stopping after this tile. The finished tiles are kept."
    stopped = f"Stopped; the same command continues the scene in {folder.path}."
    cluster = nullcontext() if scheduler is None else dask_workers(scheduler)
    with cluster as workers, interruptible(line, stopping) as interrupt:

        def tell(progress: SceneProgress) -> None:
            # Per mille, so that the time that is left can be told.
            line.step("prepare", int(1000 * progress.done / progress.total), 1000, progress.message)
            if interrupt.should_stop():
                raise Stopped

        def make_frames(path: Path) -> None:
            make_scene_frames(path, request, images, settings)

        try:
            done = drain(run_scene(folder.path, make_frames, workers=workers), tell)
        except (Stopped, KeyboardInterrupt):
            line.note(stopped)
            return interrupt.code
        weights = np.round(done.ensemble.weights.astype(float), 4).tolist()
        folder.finish({"weights": weights, "weight_of_no_motion": round(done.ensemble.still, 4)})
    return OK


def _tiff(arguments: argparse.Namespace, request: SceneRequest) -> Path | None:
    """Return the path of the BigTIFF, checked before the computation."""
    if arguments.tiff is None:
        return None
    path = absolute(arguments.tiff, ExportError)
    if str(path.resolve()) in request.images:
        raise ExportError(f"{path} is an image of the scene: choose another name for --tiff.")
    if path.exists() and (path.is_dir() or not arguments.overwrite):
        raise ExportError(f"{path} exists: choose another name for --tiff, or --overwrite.")
    check_writable(path, ExportError, folder=False)
    return path


def _target(arguments: argparse.Namespace) -> Path:
    target = absolute(arguments.output, RunFolderError).resolve()
    if not target.exists():
        check_writable(target, RunFolderError, folder=True)
        return target
    if not target.is_dir():
        raise RunFolderError(f"{target} is a file: choose a folder.")
    if any(target.iterdir()) and not is_scene_folder(target):
        raise RunFolderError(f"{target} is not empty and holds no scene: choose another folder.")
    if arguments.overwrite and is_scene_folder(target):
        shutil.rmtree(target)
    return target
