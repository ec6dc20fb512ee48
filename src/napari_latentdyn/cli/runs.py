"""The commands ``run`` and ``apply``."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.cli.arguments import KNOWN
from napari_latentdyn.cli.codes import OK
from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.cli.flags import fractions_of, numbers_in, settings_from, take_times
from napari_latentdyn.cli.learn import interruptible, learn, write
from napari_latentdyn.cli.output import check_target, run_folder
from napari_latentdyn.cli.progress import ProgressLine
from napari_latentdyn.core.dynamics.result import Dynamics, frame_times
from napari_latentdyn.core.geometry.checks import (
    Described,
    check_grids,
    place_oddities,
    value_oddities,
)
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.images import ImageFile, read_mask
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.sources import describe_input
from napari_latentdyn.core.runfolder.report import is_run_folder
from napari_latentdyn.core.training.torchrun import launched
from napari_latentdyn.errors import ObservationError, RunFolderError, Stopped
from napari_latentdyn.files.paths import absolute, named
from napari_latentdyn.settings import Settings, parse_value
from napari_latentdyn.settings.continuing import changed_at_start

__all__ = ["apply", "geometry_of", "observe", "report_of", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Learn the dynamics between images and write a run folder."""
    if arguments.resume is not None:
        return _resume(arguments)
    from napari_latentdyn.cli.series import read_run

    if not arguments.images:
        raise UsageError("run needs images, FIRST LAST or a series, or --resume DIR.")
    if arguments.output is None:
        raise UsageError("run needs -o DIR, the run folder to write.")
    frames_at = take_times(arguments)
    settings = settings_from(arguments)
    target = check_target(arguments.output, overwrite=arguments.overwrite, is_ours=is_run_folder)
    observations, settings = read_run(arguments, settings, frames_at)
    return fit_and_write(
        observations, settings, target, quiet=arguments.quiet, overwrite=arguments.overwrite
    )


def fit_and_write(
    observations: Observations,
    settings: Settings,
    target: Path,
    *,
    quiet: bool,
    overwrite: bool,
    resume: Any = None,
) -> int:
    """Fit observations, write the run folder, print where it is, return the exit code."""
    # The import takes seconds; before `interruptible`, Ctrl-C stops it at once.
    import napari_latentdyn.core.training.fit  # noqa: F401
    from napari_latentdyn.core.training.cache import discard_series, has_intervals
    from napari_latentdyn.core.training.processes import together

    count = launched().count
    if count > 1 and settings.training.steps == 0:
        raise UsageError(
            f"these settings train nothing that {count} processes could share: call run without "
            "torchrun, or train with --preset paper or --steps."
        )
    line = ProgressLine(quiet=quiet)
    # A training that continues has its intervals in the run folder.
    keep = target.with_name(f"{target.name}.unfinished") if resume is None else None
    with interruptible(line) as interrupt:
        try:
            with together(settings.training.device) as processes:
                dynamics = learn(
                    observations,
                    settings,
                    line=line,
                    should_stop=interrupt.should_stop,
                    resume=resume,
                    processes=processes,
                    keep=keep,
                )
        except Stopped:
            line.close()
            said = "nothing was written."
            if keep is not None and has_intervals(keep):
                said = f"the same command continues with the finished intervals in {keep}."
            line.note(f"Stopped before a result was found; {said}")
            return interrupt.code
        if not processes.is_first:
            # An exit code that is not zero would end the process that writes.
            return OK
        written = write(dynamics, target, line=line, overwrite=overwrite, interrupt=interrupt)
        if keep is not None:
            # The files can be deleted on every system when nothing reads them.
            del dynamics
            discard_series(keep)
        sys.stdout.write(f"{written}\n")
        return interrupt.code


def apply(arguments: argparse.Namespace) -> int:
    """Make frames at other times from a run folder."""
    source = run_folder(arguments.folder)
    dynamics = Dynamics.load(source)
    settings = dynamics.settings
    given = {"output.times": arguments.times, "output.frames": arguments.frames}
    if arguments.times is not None and len(dynamics.observation_times) > 2:
        fractions = fractions_of(numbers_in(arguments.times), dynamics.observation_times)
        given["output.times"] = ",".join(map(repr, fractions))
    chosen = {
        name: None if text is None else parse_value(name, text) for name, text in given.items()
    }
    if any(text is not None for text in given.values()):
        settings = settings.updated(chosen)
    elif dynamics.report.frames_complete:
        raise UsageError(
            f"the run in {source} has all its frames; choose others with --times or --frames."
        )
    target, overwrite = _target_beside(source, arguments)
    if arguments.device:
        settings = settings.updated({"training.device": arguments.device})
    dynamics.settings = settings
    dynamics = dynamics.at(frame_times(settings, dynamics.observation_times))
    line = ProgressLine(quiet=arguments.quiet)
    written = write(dynamics, target, line=line, overwrite=overwrite)
    sys.stdout.write(f"{written}\n")
    return OK


def observe(
    images: Sequence[ImageFile],
    mask_files: Sequence[str | None] | None,
    settings: Settings,
    times: NDArray[np.float64] | None = None,
) -> Observations:
    """Check images and the masks of files, None for an image without one, and write warnings.

    `times` are those of a series, as `Observations.from_arrays` takes them.
    """
    masks = [None] * len(images) if mask_files is None else _masks(mask_files, images)
    missing = []
    for image, mask in zip(images, masks, strict=True):
        if mask is not None and image.missing is not None and mask.shape == image.missing.shape:
            mask = mask | image.missing
        missing.append(image.missing if mask is None else mask)
    if settings.images.channel is None:
        for first, last in itertools.pairwise(images):
            if first.array.ndim != last.array.ndim:
                raise ObservationError(
                    f"{first.name} has shape {first.array.shape} and {last.name} "
                    f"{last.array.shape}: choose one channel with --channel, or convert one of "
                    "the images."
                )
    told = [Described(i.name, i.geometry, i.coordinates, i.notes) for i in images]
    check_grids(*told)
    observations = Observations.from_arrays(
        *(image.array for image in images),
        settings=settings.images,
        times=times,
        channel_axis=[image.channel_axis for image in images],
        masks=missing,
    )
    warnings = [note for image in told for note in image.notes]
    for index, (first, last) in enumerate(itertools.pairwise(images)):
        pair = observations.interval(index)
        warnings += value_oddities(pair, (first.name, last.name), (first.array, last.array))
    warnings += place_oddities(*told)
    sys.stderr.writelines(f"{sentence}\n" for sentence in dict.fromkeys(warnings))
    return observations


def _masks(
    files: Sequence[str | None], images: Sequence[ImageFile]
) -> list[NDArray[np.bool_] | None]:
    """Read the masks of missing pixels: an image or outlines for each image."""
    from napari_latentdyn.core.observations.known.regions import (
        OUTLINES,
        check_size,
        read_region,
        why_empty,
    )
    from napari_latentdyn.core.observations.known.space import ImageSpace

    sizes = [
        tuple(np.delete(one.array.shape, [] if one.channel_axis is None else one.channel_axis))
        for one in images
    ]
    place = images[0].coordinates if images[0].coordinates and images[0].coordinates.crs else None
    height, width = map(int, sizes[0])
    space = ImageSpace((height, width), np.arange(float(len(images))), place)
    drawn = {
        name: read_region([name], space, spreads=False)
        for name in files
        if name is not None and name.lower().endswith(OUTLINES)
    }
    found: list[NDArray[np.bool_] | None] = []
    for k, name in enumerate(files):
        if name is None:
            found.append(None)
            continue
        mask = drawn[name][k % len(drawn[name])] if name in drawn else read_mask(name)
        check_size(named(name), mask.shape, sizes[k])
        if mask.all():
            raise ObservationError(
                f"{named(name)} must leave a part of the images; got a mask of missing pixels that "
                "covers all: invert it, or make it smaller."
            )
        found.append(mask)
    empty = {name for name, mask in drawn.items() if not mask.any()}
    # An image of a series may have no missing pixel, but a mask without any is an error.
    if not any(mask is not None and mask.any() for mask in found):
        empty.update(name for name in files if name is not None)
    sys.stderr.writelines(
        f"No pixel of the images lies in {named(name)}: {why_empty(name, space)}.\n"
        for name in sorted(empty)
    )
    return found


def report_of(image: ImageFile, mask: str | None = None) -> dict[str, Any]:
    """Describe an input image, and the file of its mask, for the report."""
    described = describe_input(image.name, image.array, rgb=image.rgb)
    if image.path:
        described["path"] = image.path
    if mask is not None:
        described["mask"] = str(Path(mask).expanduser().absolute())
    place = image.coordinates
    return described | ({"geo": place.to_report()} if place and place.crs else {})


def geometry_of(*images: ImageFile) -> Geometry | None:
    """Return where images lie in the world, from the first file that knows the pixel size."""
    return next((image.geometry for image in images if image.geometry is not None), None)


def _resume(arguments: argparse.Namespace) -> int:
    if arguments.images or arguments.mask is not None:
        raise UsageError("--resume uses the images of the run folder; leave images and --mask out.")
    given = [flag for name, (flag, _) in KNOWN.items() if getattr(arguments, name) is not None]
    if given or arguments.hold_back is not None:
        raise UsageError(
            "--resume uses the regions and tracks of the run folder; leave "
            f"{[*given, '--hold-back'][0]} out."
        )
    if arguments.preset is not None or arguments.settings is not None:
        raise UsageError(
            "--resume uses the settings of the run folder; change single ones with flags."
        )
    source = run_folder(arguments.resume)
    dynamics = Dynamics.load(source)
    earlier = dynamics.settings
    settings = settings_from(arguments, earlier)
    steps = dynamics.report.steps or 0
    if steps >= settings.training.steps:
        raise UsageError(
            f"the run in {source} has done {steps} of {settings.training.steps} steps; "
            f"give more than {steps} with --steps."
        )
    name = changed_at_start(earlier, settings)
    if name is not None:
        raise UsageError(
            f"{name} cannot change when a training continues; keep {earlier.get(name)}, or run "
            "again without --resume."
        )
    target, overwrite = _target_beside(source, arguments)
    checkpoint = dynamics.fitted.checkpoint
    if checkpoint is None:
        raise UsageError(
            f"the run in {source} holds no state to resume from; run again without --resume."
        )
    return fit_and_write(
        dynamics.observations,
        settings,
        target,
        quiet=arguments.quiet,
        overwrite=overwrite,
        resume=checkpoint,
    )


def _target_beside(source: Path, arguments: argparse.Namespace) -> tuple[Path, bool]:
    """Return the folder to write, by default `source`, and whether it may be replaced."""
    output = source if arguments.output is None else absolute(arguments.output, RunFolderError)
    overwrite = bool(arguments.overwrite) or output == source
    return check_target(output, overwrite=overwrite, is_ours=is_run_folder), overwrite
