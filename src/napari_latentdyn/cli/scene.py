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
from napari_latentdyn.core.observations.images.windows import open_windows
from napari_latentdyn.core.scene.folder import SceneFolder, is_scene_folder, request_of
from napari_latentdyn.errors import RunFolderError, Stopped
from napari_latentdyn.export.scene import make_scene_frames, write_big_tiff
from napari_latentdyn.files.paths import absolute
from napari_latentdyn.generators import drain

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
    target = _target(arguments)
    folder = SceneFolder(target)
    folder.start(request)
    # The import takes seconds; before `interruptible`, Ctrl-C stops it at once.
    from napari_latentdyn.core.scene.cluster import dask_workers
    from napari_latentdyn.core.scene.run import SceneProgress, run_scene

    line = ProgressLine(quiet=arguments.quiet)
    cluster = nullcontext() if arguments.scheduler is None else dask_workers(arguments.scheduler)
    with cluster as workers, interruptible(line) as interrupt:

        def tell(progress: SceneProgress) -> None:
            # Per mille, so that the time that is left can be told.
            line.step("prepare", int(1000 * progress.done / progress.total), 1000, progress.message)
            if interrupt.should_stop():
                raise Stopped

        def make_frames(path: Path) -> None:
            make_scene_frames(path, request, images, settings)

        try:
            done = drain(run_scene(target, make_frames, workers=workers), tell)
        except Stopped:
            line.note(f"Stopped; the same command continues the scene in {target}.")
            return interrupt.code
        report = {
            "weights": np.round(done.ensemble.weights.astype(float), 4).tolist(),
            "weight_of_no_motion": round(done.ensemble.still, 4),
        }
        folder.finish(report)
        if arguments.tiff is not None:
            line.note(f"Writing {arguments.tiff}")
            write_big_tiff(folder.frames, absolute(arguments.tiff, RunFolderError))
    sys.stdout.write(f"{target}\n")
    return OK


def _target(arguments: argparse.Namespace) -> Path:
    target = absolute(arguments.output, RunFolderError)
    if not target.exists():
        return target
    if not target.is_dir() or (any(target.iterdir()) and not is_scene_folder(target)):
        raise RunFolderError(f"{target} is not empty and holds no scene: choose another folder.")
    if is_scene_folder(target):
        if arguments.overwrite:
            shutil.rmtree(target)
        elif SceneFolder(target).report():
            raise RunFolderError(
                f"the scene in {target} is finished; --overwrite computes it again."
            )
    return target
