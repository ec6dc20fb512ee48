"""The commands ``run`` and ``apply``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from napari_latentdyn.cli.checks import check_files, oddities
from napari_latentdyn.cli.codes import OK
from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.cli.flags import settings_from
from napari_latentdyn.cli.learn import interruptible, learn, write
from napari_latentdyn.cli.output import check_target, run_folder
from napari_latentdyn.cli.progress import ProgressLine
from napari_latentdyn.core.observations.images import ImageFile, read_image, read_mask
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.core.runfolder import folder as runfolder
from napari_latentdyn.errors import PairError, RunFolderError, Stopped
from napari_latentdyn.files.paths import absolute
from napari_latentdyn.settings import Settings, parse_value

__all__ = ["apply", "placement_of", "read_pair", "report_of", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Learn the dynamics between two images and write a run folder."""
    if arguments.resume is not None:
        return _resume(arguments)
    if arguments.last is None:
        raise UsageError("run takes two images, FIRST and LAST, or --resume DIR.")
    if arguments.output is None:
        raise UsageError("run needs -o DIR, the run folder to write.")
    settings = settings_from(arguments)
    target = check_target(
        arguments.output, overwrite=arguments.overwrite, is_ours=runfolder.is_run_folder
    )
    pair, files = read_pair(arguments, settings)
    return run_pair(
        pair,
        settings,
        target,
        quiet=arguments.quiet,
        inputs={
            end: report_of(file, mask)
            for end, file, mask in zip(
                ("first", "last"), files, arguments.mask or (None, None), strict=True
            )
        },
        placement=placement_of(*files),
        overwrite=arguments.overwrite,
    )


def run_pair(
    pair: ImagePair,
    settings: Settings,
    target: Path,
    *,
    quiet: bool,
    inputs: dict[str, Any],
    placement: dict[str, Any] | None,
    overwrite: bool,
    resume: Any = None,
) -> int:
    """Fit a pair, write the run folder, print where it is, return the exit code."""
    # Imported before Ctrl-C is taken over: it takes seconds, and may be interrupted at once.
    import napari_latentdyn.core.training.fit  # noqa: F401

    line = ProgressLine(quiet=quiet)
    with interruptible(line) as interrupt:
        try:
            dynamics = learn(
                pair, settings, line=line, should_stop=interrupt.should_stop, resume=resume
            )
        except Stopped:
            line.close()
            line.note("Stopped before anything was learned; nothing was written.")
            return interrupt.code
        written = write(
            dynamics,
            target,
            line=line,
            inputs=inputs,
            placement=placement,
            overwrite=overwrite,
            interrupt=interrupt,
        )
        sys.stdout.write(f"{written}\n")
        return interrupt.code


def apply(arguments: argparse.Namespace) -> int:
    """Make frames at other times from a run folder."""
    source = run_folder(arguments.folder)
    report = runfolder.read_report(source)
    settings = runfolder.read_run(source).settings
    chosen = _asked(arguments)
    if chosen:
        settings = settings.updated({"output.times": None, "output.frames": None, **chosen})
    elif report.get("frames_complete", True):
        raise UsageError(
            f"the run in {source} has all its frames; choose others with --times or --frames."
        )
    target, overwrite = _target_beside(source, arguments)
    computing = (
        settings.updated({"training.device": arguments.device}) if arguments.device else settings
    )
    from napari_latentdyn.core.dynamics.result import Dynamics

    dynamics = Dynamics.load(source)
    dynamics.settings = computing
    line = ProgressLine(quiet=arguments.quiet)
    written = write(
        dynamics,
        target,
        line=line,
        inputs=dict(report.get("inputs") or {}),
        placement=report.get("placement"),
        overwrite=overwrite,
    )
    sys.stdout.write(f"{written}\n")
    return OK


def read_pair(
    arguments: argparse.Namespace, settings: Settings
) -> tuple[ImagePair, tuple[ImageFile, ImageFile]]:
    """Read the images and masks that the arguments name.

    Raises
    ------
    ImageFileError
        If a file cannot be read as one image.
    PairError
        If the images do not fit together.
    """
    first, last = read_image(arguments.first), read_image(arguments.last)
    masks = [read_mask(source) for source in arguments.mask] if arguments.mask else [None, None]
    missing = []
    for image, mask in zip((first, last), masks, strict=True):
        if mask is not None and image.missing is not None and mask.shape == image.missing.shape:
            mask = mask | image.missing
        missing.append(image.missing if mask is None else mask)
    if first.array.ndim != last.array.ndim and settings.images.channel is None:
        raise PairError(
            f"{first.name} has shape {first.array.shape} and {last.name} {last.array.shape}: "
            "choose one channel with --channel, or convert one of the images."
        )
    check_files(first, last)
    pair = ImagePair.from_arrays(
        first.array,
        last.array,
        settings.images,
        channel_axis=first.channel_axis,
        channel_axis_last=last.channel_axis,
        mask_first=missing[0],
        mask_last=missing[1],
    )
    for sentence in oddities(pair, first, last):
        sys.stderr.write(f"{sentence}\n")
    return pair, (first, last)


def report_of(image: ImageFile, mask: str | None = None) -> dict[str, Any]:
    """Describe an input image, and the file of its mask, for the report."""
    described = runfolder.describe_input(image.name, image.array, rgb=image.rgb)
    if image.path:
        described["path"] = image.path
    if mask is not None:
        described["mask"] = str(Path(mask).expanduser().absolute())
    place = image.coordinates
    return described | ({"geo": place.to_report()} if place and place.crs else {})


def placement_of(*images: ImageFile) -> dict[str, Any] | None:
    """Return where images lie in the world, from the first file that knows the pixel size."""
    for image in images:
        if image.geometry is not None:
            return image.geometry.to_report()
    return None


#: Settings that only the initial fields use, which a training that goes on already has.
_FIXED_AT_START = (
    "images.brightness",
    "model.initial_fields",
    "model.members",
    "model.refinement",
    "model.weighting",
    "physics.motion",
    "training.start_from",
)


def _resume(arguments: argparse.Namespace) -> int:
    if arguments.first is not None or arguments.mask is not None:
        raise UsageError("--resume goes on with the images of the run folder; give none.")
    if arguments.preset is not None or arguments.settings is not None:
        raise UsageError(
            "--resume goes on with the settings of the run folder; change single ones with flags."
        )
    source = run_folder(arguments.resume)
    report = runfolder.read_report(source)
    earlier = runfolder.read_run(source).settings
    settings = settings_from(arguments, earlier)
    steps = int(report.get("steps") or 0)
    if steps >= settings.training.steps:
        raise UsageError(
            f"the run in {source} has done {steps} of {settings.training.steps} steps; "
            f"give more than {steps} with --steps."
        )
    for name in _FIXED_AT_START:
        if settings.get(name) != earlier.get(name):
            raise UsageError(
                f"{name} cannot change when a training goes on, because its initial fields were "
                f"found with {earlier.get(name)}; keep it, or run again without --resume."
            )
    target, overwrite = _target_beside(source, arguments)
    from napari_latentdyn.core.dynamics.result import Dynamics

    dynamics = Dynamics.load(source)
    if dynamics.checkpoint is None:
        raise UsageError(
            f"the run in {source} holds no state to resume from; run again without --resume."
        )
    return run_pair(
        dynamics.pair,
        settings,
        target,
        quiet=arguments.quiet,
        inputs=dict(report.get("inputs") or {}),
        placement=report.get("placement"),
        overwrite=overwrite,
        resume=dynamics.checkpoint,
    )


def _target_beside(source: Path, arguments: argparse.Namespace) -> tuple[Path, bool]:
    """Return the folder to write, by default the one that was read, and whether it may go."""
    output = source if arguments.output is None else absolute(arguments.output, RunFolderError)
    overwrite = bool(arguments.overwrite) or output == source
    return check_target(output, overwrite=overwrite, is_ours=runfolder.is_run_folder), overwrite


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.times is not None:
        return {"output.times": parse_value("output.times", arguments.times)}
    if arguments.frames is not None:
        return {"output.frames": parse_value("output.frames", arguments.frames)}
    return {}
