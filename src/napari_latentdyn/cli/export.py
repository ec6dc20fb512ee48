"""The command ``export``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.cli.learn import interruptible
from napari_latentdyn.cli.output import run_folder
from napari_latentdyn.cli.progress import ProgressLine
from napari_latentdyn.errors import ExportError, Stopped
from napari_latentdyn.export.format import Format
from napari_latentdyn.export.registry import FORMATS, find_format
from napari_latentdyn.export.source import Source
from napari_latentdyn.export.target import check_free
from napari_latentdyn.files.paths import check_writable, output_path

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
    source = Source.from_run(run_folder(arguments.folder))
    times = _times(arguments)
    targets = _targets(arguments, output, chosen, source)
    for (form, _), target in zip(chosen, targets, strict=True):
        problem = form.problem(source)
        if problem is not None:
            raise UsageError(problem)
        check_free(target, overwrite=arguments.overwrite, is_ours=form.is_ours())
        check_writable(target, UsageError, folder=form.folder)
    if not source.report.get("frames_complete", True) and times is None:
        sys.stderr.write(
            "The run holds only the frames of the two ends; choose others with --times or "
            "--frames.\n"
        )
    if times is not None:
        # Imported before Ctrl-C is taken over: it takes seconds, and may be interrupted at once.
        _import_model(source, times)
    if options.get("shown"):
        _import_model(source, np.array(options["shown"]))
    line = ProgressLine(quiet=arguments.quiet)
    with interruptible(line) as interrupt:
        try:
            if times is not None:
                from napari_latentdyn.export.refine import with_times

                source = with_times(
                    source,
                    times,
                    device=arguments.device,
                    on_progress=lambda done, total: line.step("render", done, total),
                    should_stop=interrupt.should_stop,
                )
            for (form, _), target in zip(chosen, targets, strict=True):
                known = {option.name for option in form.options}
                form.write(
                    _with_shown(source, form, options, arguments, line, interrupt),
                    target,
                    overwrite=arguments.overwrite,
                    on_progress=_shown(line, form),
                    should_stop=interrupt.should_stop,
                    **{name: value for name, value in options.items() if name in known},
                )
                line.close()
                sys.stdout.write(f"{target}\n")
                note = form.note(source)
                if note is not None:
                    line.note(note)
        except Stopped:
            line.close()
            line.note("Stopped; what is named above is whole, and nothing else was written.")
        return interrupt.code


def _with_shown(
    source: Source,
    form: Format,
    options: dict[str, Any],
    arguments: argparse.Namespace,
    line: ProgressLine,
    interrupt: Any,
) -> Source:
    """Return the source with the frames that a figure is to show."""
    shown = options.get("shown")
    if form.name != "figure" or not shown or not all(0 <= time <= 1 for time in shown):
        return source
    from napari_latentdyn.export.refine import with_times

    return with_times(
        source,
        shown,
        device=arguments.device,
        on_progress=lambda done, total: line.step("render", done, total),
        should_stop=interrupt.should_stop,
    )


def _shown(line: ProgressLine, form: Format) -> Any:
    def show(done: int, total: int) -> None:
        line.step(form.name, done, total)

    return show


def _chosen(arguments: argparse.Namespace) -> list[tuple[Format, str]]:
    if arguments.output is None:
        raise UsageError("export needs -o PATH, the file to write, or a folder for several.")
    asked = [part for text in arguments.to for part in text.split(",") if part.strip()]
    if arguments.to and not asked:
        raise UsageError("--to takes the name of a format, such as mp4.")
    if not asked:
        try:
            return [find_format(Path(arguments.output).name)]
        except ExportError:
            raise UsageError(
                f"the name {arguments.output} says no format; choose with --to, such as --to mp4."
            ) from None
    return list(dict.fromkeys(find_format(text) for text in asked))


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
            raise UsageError(f"{flag} takes {kind}, not '{text}'.") from None
        if option.choices and values[-1] not in option.choices:
            raise UsageError(f"{flag} takes {' or '.join(option.choices)}, not '{text}'.")
    return values[0] if option.count == 1 else tuple(values)


def _times(arguments: argparse.Namespace) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    if arguments.frames is not None:
        try:
            between = int(arguments.frames)
        except ValueError:
            between = -1
        if not 0 <= between <= 10_000:
            raise UsageError(
                "--frames takes the number of frames in between, up to 10000, not "
                f"'{arguments.frames}'."
            )
        return np.linspace(0.0, 1.0, between + 2)
    if arguments.times is None:
        return None
    try:
        times = np.array([float(part) for part in arguments.times.replace(",", " ").split()])
    except ValueError:
        times = np.array([np.nan])
    if not times.size or not np.all((times >= 0) & (times <= 1)):
        raise UsageError(
            f"--times takes fractions of the interval from 0 to 1, such as 0,0.25,1, not "
            f"'{arguments.times}'."
        )
    return times


def _targets(
    arguments: argparse.Namespace,
    output: Path,
    chosen: list[tuple[Format, str]],
    source: Source,
) -> list[Path]:
    if output.resolve() == source.folder:
        raise UsageError(
            f"{arguments.output} is the folder of the run itself; give -o the name of a file, or "
            "of another folder."
        )
    if len(chosen) > 1:
        if output.exists() and not output.is_dir():
            raise UsageError(f"{output} is a file; several formats need a folder.")
        return [output / _named(source.name, form, suffix) for form, suffix in chosen]
    ((form, suffix),) = chosen
    ours = form.is_ours()
    if output.is_dir() and (ours is None or not (_is_named(output, form) or ours(output))):
        return [output / _named(source.name, form, suffix)]
    if form.folder and not suffix:
        return [output]
    if output.name.lower().endswith(form.suffixes):
        return [output]
    try:
        other = find_format(output.name)[0]
    except ExportError:
        return [output.with_name(output.name + suffix)]
    raise UsageError(
        f"{output.name} is the name of another format, {other.name}; give one that ends in "
        f"{suffix}, or leave --to out."
    )


def _is_named(folder: Path, form: Format) -> bool:
    """Return whether the name of a folder says what it holds."""
    return folder.name.lower().endswith(tuple(end for end in form.suffixes if end))


def _named(name: str, form: Format, suffix: str) -> str:
    return f"{name}{suffix}" if suffix else f"{name}-{form.name}"


def _import_model(source: Source, times: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    if not all(np.isclose(source.times, time, rtol=0, atol=1e-6).any() for time in times):
        import napari_latentdyn.core.dynamics.result  # noqa: F401
