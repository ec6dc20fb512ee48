"""The command ``compare``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.cli.codes import FAILED, OK
from napari_latentdyn.cli.comparison import (
    Comparison,
    Result,
    is_comparison,
    table,
    write_comparison,
)
from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.cli.flags import settings_from
from napari_latentdyn.cli.learn import interruptible
from napari_latentdyn.cli.output import check_target
from napari_latentdyn.cli.progress import ProgressLine
from napari_latentdyn.cli.runs import observe
from napari_latentdyn.cli.truth import parse_times, read_truth
from napari_latentdyn.core.baselines import (
    BASELINES,
    MethodInfo,
    Truth,
    assess,
    describe_method,
    describe_result,
    list_methods,
)
from napari_latentdyn.core.dynamics.result import Dynamics, frame_times
from napari_latentdyn.core.observations.images import read_image
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.errors import Stopped, UserError
from napari_latentdyn.settings import Settings

__all__ = ["compare"]


def compare(arguments: argparse.Namespace) -> int:
    """Make frames with several methods and score them."""
    line = ProgressLine(quiet=arguments.quiet)
    methods = _chosen(arguments, line.note)
    settings = settings_from(arguments, Settings())
    images = settings.images
    interval = (images.interval, images.interval_unit) if images.interval else None
    given = arguments.truth is not None
    if arguments.truth_times is not None and not given:
        raise UsageError(
            "--truth-times are the times of true frames; give the frames with --truth."
        )
    moments = None if arguments.truth_times is None else parse_times(arguments.truth_times)
    methods = [*(_result(folder, arguments.result) for folder in arguments.result), *methods]
    target = check_target(arguments.output, overwrite=arguments.overwrite, is_ours=is_comparison)
    files = read_image(arguments.first), read_image(arguments.last)
    observations = observe(files, arguments.mask, settings)
    truth = read_truth(arguments.truth, moments, observations, settings) if given else None
    times = frame_times(settings) if truth is None else np.array([0.0, *truth.times, 1.0])
    if truth is not None and truth.notable:
        (line.note if truth.doubtful else line.tell)(truth.describe(interval))

    source = Path(arguments.truth).name if given else None
    comparison = Comparison(observations, files, source, times)
    with interruptible(line) as interrupt:
        for info in methods:
            line.tell(f"{info.name}:")
            try:
                comparison.results.append(
                    _one(info, observations, times, truth, line, interrupt.should_stop)
                )
            except Stopped:
                break
            except UserError as error:
                # The results of the other methods are kept.
                if len(methods) == 1:
                    raise
                comparison.failed[info.name] = str(error)
                line.note(f"napari-latentdyn: {error}")
            if interrupt.should_stop():
                break
        line.close()
        if not comparison.results:
            if comparison.failed and not interrupt.code:
                return FAILED
            raise KeyboardInterrupt(interrupt.code)
        comparison = replace(comparison, complete=len(comparison.results) == len(methods))
        write_comparison(target, comparison, line.note)
        line.tell(table(comparison.results).rstrip("\n"))
        sys.stdout.write(f"{target}\n")
        return interrupt.code or (FAILED if comparison.failed else OK)


def _chosen(arguments: argparse.Namespace, note: Callable[[str], None]) -> list[MethodInfo]:
    """Return the chosen methods, without those of a group that cannot run here."""
    given = arguments.methods
    if given is None:
        given = "dissolve,flow" if arguments.result else "dissolve,flow,standard"
    names = [name.strip() for name in given.split(",") if name.strip()]
    if not names:
        raise UsageError("--methods must be names of methods, such as dissolve,standard.")
    groups = {"all": [info.name for info in list_methods()], "baselines": list(BASELINES)}
    chosen = []
    for name in dict.fromkeys(one for text in names for one in groups.get(text, [text])):
        info = describe_method(name, lambda settings: settings_from(arguments, settings))
        missing = info.missing()
        if missing is not None and name not in names:
            note(f"Left out: {missing}")
            continue
        info.require()
        chosen.append(info)
    return chosen


def _result(folder: str, folders: list[str]) -> MethodInfo:
    """Return a run folder as a method, whose files are named after the folder."""
    path = Path(folder).expanduser().absolute()
    if [Path(one).expanduser().absolute().name for one in folders].count(path.name) > 1:
        raise UsageError(f"--result takes run folders of different names; got {path.name} twice.")
    dynamics = Dynamics.load(path)
    return describe_result(f"result-{path.name}", path.name, lambda: dynamics)


def _one(
    info: MethodInfo,
    observations: Observations,
    times: NDArray[np.float64],
    truth: Truth | None,
    line: ProgressLine,
    should_stop: Callable[[], bool],
) -> Result:
    # Imported before the clock starts, because no method takes these seconds.
    import napari_latentdyn.core.training.fit  # noqa: F401

    began = time.perf_counter()
    made = info.method(observations, times, should_stop=should_stop, on_progress=line.show)
    seconds = time.perf_counter() - began
    line.close()
    known = () if truth is None else (truth.frames, truth.times)
    return Result(info, seconds, made, assess(observations, made, times, *known))
