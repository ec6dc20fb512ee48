"""The command ``compare``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.cli.codes import FAILED
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
from napari_latentdyn.cli.runs import read_pair
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
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.core.runfolder.folder import read_report
from napari_latentdyn.errors import Stopped, UserError
from napari_latentdyn.settings import Settings

__all__ = ["compare"]


def compare(arguments: argparse.Namespace) -> int:
    """Make frames with several methods and say how good they are."""
    line = ProgressLine(quiet=arguments.quiet)
    methods = _chosen(arguments, line.note)
    settings = settings_from(arguments, Settings())
    images = settings.images
    interval = (images.interval, images.interval_unit) if images.interval else None
    given = arguments.truth is not None
    if arguments.truth_times is not None and not given:
        raise UsageError("--truth-times are the times of true frames; give these with --truth.")
    moments = None if arguments.truth_times is None else parse_times(arguments.truth_times)
    methods = [*(_result(folder, arguments.result) for folder in arguments.result), *methods]
    target = check_target(arguments.output, overwrite=arguments.overwrite, is_ours=is_comparison)
    pair, files = read_pair(arguments, settings)
    truth = read_truth(arguments.truth, moments, pair, settings) if given else None
    times = _frame_times(settings) if truth is None else np.array([0.0, *truth.times, 1.0])
    if truth is not None and truth.notable:
        (line.note if truth.doubtful else line.tell)(truth.describe(interval))

    source = Path(arguments.truth).name if given else None
    comparison = Comparison(pair, files, source, times)
    with interruptible(line) as interrupt:
        for info in methods:
            line.tell(f"{info.name}:")
            try:
                comparison.results.append(
                    _one(info, pair, times, truth, line, interrupt.should_stop)
                )
            except Stopped:
                break
            except UserError as error:
                # What the others made is not lost with it.
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
        return interrupt.code or (FAILED if comparison.failed else interrupt.code)


def _chosen(arguments: argparse.Namespace, note: Callable[[str], None]) -> list[MethodInfo]:
    """Return the methods that were asked for, without those of a group that cannot run here.

    Raises
    ------
    UsageError
        If none was asked for.
    SettingsError
        If there is no such method.
    MissingLibraryError
        If one that was asked for by its name needs a library that is missing.
    """
    given = arguments.methods
    if given is None:
        given = "dissolve,flow" if arguments.result else "dissolve,flow,standard"
    asked = [name.strip() for name in given.split(",") if name.strip()]
    if not asked:
        raise UsageError("--methods takes the names of methods, such as dissolve,standard.")
    groups = {"all": [info.name for info in list_methods()], "baselines": list(BASELINES)}
    chosen = []
    for name in dict.fromkeys(one for text in asked for one in groups.get(text, [text])):
        info = describe_method(name, lambda settings: settings_from(arguments, settings))
        missing = info.missing()
        if missing is not None and name not in asked:
            note(f"Left out: {missing}")
            continue
        info.require()
        chosen.append(info)
    return chosen


def _result(folder: str, folders: list[str]) -> MethodInfo:
    """Return a run folder as a method, whose files are named after the folder.

    Raises
    ------
    UsageError
        If two folders have the same name.
    RunFolderError
        If it is no run folder.
    """
    from napari_latentdyn.core.dynamics.result import Dynamics

    path = Path(folder).expanduser().absolute()
    if [Path(one).expanduser().absolute().name for one in folders].count(path.name) > 1:
        raise UsageError(f"--result takes run folders of different names; got {path.name} twice.")
    read_report(path)
    return describe_result(f"result-{path.name}", path.name, partial(Dynamics.load, path))


def _one(
    info: MethodInfo,
    pair: ImagePair,
    times: NDArray[np.float64],
    truth: Truth | None,
    line: ProgressLine,
    should_stop: Callable[[], bool],
) -> Result:
    # Imported before the clock starts: the seconds that takes are no method's.
    import napari_latentdyn.core.training.fit  # noqa: F401

    began = time.perf_counter()
    made = info.method(pair, times, should_stop=should_stop, on_progress=line.show)
    seconds = time.perf_counter() - began
    line.close()
    known = () if truth is None else (truth.frames, truth.times)
    return Result(info, seconds, made, assess(pair, made, times, *known))


def _frame_times(settings: Settings) -> NDArray[np.float64]:
    from napari_latentdyn.core.dynamics.result import frame_times

    return frame_times(settings)
