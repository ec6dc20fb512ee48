"""The command ``export``."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.cli.flags import fractions_of
from napari_latentdyn.cli.learn import interruptible
from napari_latentdyn.cli.output import run_folder
from napari_latentdyn.cli.progress import ProgressLine
from napari_latentdyn.core.dynamics.motion import times_at
from napari_latentdyn.core.dynamics.result import Dynamics, frame_times
from napari_latentdyn.errors import ExportError, Stopped
from napari_latentdyn.export import FORMATS, Format, at_times, find_format
from napari_latentdyn.files.paths import check_writable, output_path
from napari_latentdyn.settings import Settings

if TYPE_CHECKING:
    import xarray

__all__ = ["OPTION", "export", "option_flags"]

OPTION = "option:"


def option_flags() -> dict[str, tuple[Any, list[Format]]]:
    """Return every option of a format by its flag, with the formats that take it."""
    flags: dict[str, tuple[Any, list[Format]]] = {}
    for form in FORMATS:
        for option in form.options:
            flag = "--" + option.name.replace("_", "-")
            flags.setdefault(flag, (option, []))[1].append(form)
    return flags


def export(arguments: argparse.Namespace) -> int:
    """Write a run in one or several formats."""
    chosen = _chosen(arguments)
    output = output_path(arguments.output, UsageError)
    options = _options(arguments, [form for form, _ in chosen])
    folder = run_folder(arguments.folder)
    dynamics = Dynamics.load(folder)
    data = dynamics.to_xarray()
    targets = _targets(arguments, output, chosen, data.encoding["source"])
    for (form, _), target in zip(chosen, targets, strict=True):
        problem = form.problem(data)
        if problem is not None:
            raise UsageError(problem)
        form.check_free(target, overwrite=arguments.overwrite)
        check_writable(target, UsageError, folder=form.folder)
    times = _times(arguments, dynamics.observation_times)
    if times is None and not dynamics.report.frames_complete:
        sys.stderr.write(
            "The run holds only the frames at the times of the images; choose others with --times "
            "or --frames.\n"
        )
    shown = options.get("shown")
    line = ProgressLine(quiet=arguments.quiet)
    std = bool(options.get("std"))
    for wanted in (times, shown):
        if std or (wanted is not None and not _has(data, wanted)):
            # The import takes seconds; before `interruptible`, Ctrl-C stops it at once.
            import napari_latentdyn.core.dynamics.fitted  # noqa: F401
    with interruptible(line) as interrupt:

        def at(wanted: ArrayLike | None) -> xarray.Dataset:
            if wanted is None and not std:
                return data
            return _render(dynamics, data, wanted, std, arguments.device, line, interrupt)

        try:
            frames = at(times)
            for (form, _), target in zip(chosen, targets, strict=True):
                own = {option.name for option in form.options} & set(options)
                form.write(
                    at(shown) if "shown" in own else frames,
                    target,
                    overwrite=arguments.overwrite,
                    on_progress=partial(line.step, form.name),
                    should_stop=interrupt.should_stop,
                    **{name: options[name] for name in own},
                )
                line.close()
                sys.stdout.write(f"{target}\n")
                note = form.note(data)
                if note is not None:
                    line.note(note)
        except Stopped:
            line.close()
            line.note("Stopped; the files named above are complete, and nothing else was written.")
        return interrupt.code


def _has(data: xarray.Dataset, wanted: ArrayLike) -> bool:
    away = np.abs(data.fraction.values[:, None] - np.asarray(wanted))
    return bool(np.all(away.min(axis=0) <= 1e-6))


def _render(
    dynamics: Dynamics,
    data: xarray.Dataset,
    wanted: ArrayLike | None,
    std: bool,
    device: str | None,
    line: ProgressLine,
    interrupt: Any,
) -> xarray.Dataset:
    """Return the run at other times; the model makes frames that the run folder lacks.

    `wanted` are fractions, or None for the times of the run; with `std`, standard deviations are
    computed.
    """
    times = None if wanted is None else np.unique(np.asarray(wanted, dtype=np.float64))
    if times is not None and (not times.size or not np.all((times >= 0) & (times <= 1))):
        raise UsageError("times are fractions of the interval; give numbers from 0 to 1.")
    if times is not None and not std and _has(data, times):
        return at_times(data, times)
    if device is not None:
        dynamics.settings = dynamics.settings.updated({"training.device": device})
    return dynamics.to_xarray(
        None if times is None else times_at(dynamics.observation_times, times),
        std=std,
        should_stop=interrupt.should_stop,
        on_frame=partial(line.step, "render"),
    )


def _chosen(arguments: argparse.Namespace) -> list[tuple[Format, str]]:
    if arguments.output is None:
        raise UsageError(
            "export needs -o PATH: the file to write, or a folder for several formats."
        )
    wanted = [part for text in arguments.to for part in text.split(",") if part.strip()]
    if arguments.to and not wanted:
        raise UsageError("--to must be the name of a format, such as mp4.")
    if not wanted:
        try:
            return [find_format(Path(arguments.output).name)]
        except ExportError:
            raise UsageError(
                f"the name {arguments.output} has no known suffix; choose a format, e.g. --to mp4."
            ) from None
    return list(dict.fromkeys(find_format(text) for text in wanted))


def _options(arguments: argparse.Namespace, forms: list[Format]) -> dict[str, Any]:
    given = {
        dest.removeprefix(OPTION): value
        for dest, value in vars(arguments).items()
        if dest.startswith(OPTION) and value is not None
    }
    options = {}
    for flag, (option, takers) in option_flags().items():
        if option.name not in given:
            continue
        if not any(form in takers for form in forms):
            named = ", ".join(form.name for form in takers)
            raise UsageError(f"{forms[0].name} does not use {flag}; it is for {named}.")
        options[option.name] = _value(flag, option, given[option.name])
    return options


def _value(flag: str, option: Any, given: Any) -> Any:
    if isinstance(given, bool):
        return given
    texts = given if isinstance(given, list) else [given]
    if option.count == 0:
        texts = [part for text in texts for part in text.replace(",", " ").split()]
    values = []
    for text in texts:
        try:
            values.append(option.kind(text))
        except ValueError:
            kind = "a whole number" if option.kind is int else "a number"
            raise UsageError(f"{flag} must be {kind}; got '{text}'.") from None
        if option.choices and values[-1] not in option.choices:
            raise UsageError(f"{flag} must be {' or '.join(option.choices)}; got '{text}'.")
    return values[0] if option.count == 1 else tuple(values)


def _times(arguments: argparse.Namespace, known: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the times that were asked for, as fractions from the first to the last image."""
    if arguments.frames is not None:
        try:
            between = int(arguments.frames)
        except ValueError:
            between = -1
        if not 0 <= between <= 10_000:
            raise UsageError(
                f"--frames must be a whole number up to 10000; got '{arguments.frames}'."
            )
        placed = frame_times(Settings().updated({"output.frames": between}), known)
        return np.asarray((placed - known[0]) / (known[-1] - known[0]))
    if arguments.times is None:
        return None
    try:
        times = np.array([float(part) for part in arguments.times.replace(",", " ").split()])
    except ValueError:
        times = np.array([np.nan])
    if len(known) > 2:
        return np.asarray(fractions_of(times.tolist(), known))
    if not times.size or not np.all((times >= 0) & (times <= 1)):
        raise UsageError(
            f"--times must be fractions of the interval from 0 to 1, such as 0,0.25,1; got "
            f"'{arguments.times}'."
        )
    return times


def _targets(
    arguments: argparse.Namespace, output: Path, chosen: list[tuple[Format, str]], run: str
) -> list[Path]:
    name = Path(run).name
    if output.resolve() == Path(run):
        raise UsageError(
            f"{arguments.output} is the folder of the run itself; choose a file or another folder "
            "with -o."
        )
    if len(chosen) > 1:
        if output.exists() and not output.is_dir():
            raise UsageError(f"{output} is a file; several formats need a folder.")
        return [output / f"{name}{suffix}" for _, suffix in chosen]
    ((form, suffix),) = chosen
    named = output.name.lower().endswith(form.suffixes)
    if output.is_dir() and not (form.is_ours and (named or form.is_ours(output))):
        return [output / f"{name}{suffix}"]
    if named:
        return [output]
    try:
        other = find_format(output.name)[0]
    except ExportError:
        return [output.with_name(output.name + suffix)]
    raise UsageError(
        f"{output.name} is the name of another format, {other.name}; give a name that ends in "
        f"{suffix}, or leave --to out."
    )
