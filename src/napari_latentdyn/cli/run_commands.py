"""Arguments of the commands that use a run folder: ``apply``, ``carry`` and ``export``."""

from __future__ import annotations

import argparse
from typing import Any

from napari_latentdyn.cli.arguments import IMAGE, add_output, add_parser
from napari_latentdyn.cli.flags import default_text

__all__ = ["add_apply", "add_carry", "add_export"]


def add_apply(commands: Any) -> None:
    """Add the parser of ``apply``."""
    parser = add_parser(
        commands,
        "apply",
        "DIR [--times T1,T2,.. | --frames K] [flags]",
        "runs:apply",
        "make frames at other times from a run folder, without training",
        "Without -o the frames in the folder are replaced. Without --times and --frames it makes "
        "the frames that an interrupted run left out.",
    )
    parser.add_argument("folder", metavar="DIR", help="run folder")
    times = parser.add_mutually_exclusive_group()
    times.add_argument(
        "--times", metavar="T1,T2,..", help="fractions of the interval; both ends are added"
    )
    times.add_argument("--frames", metavar="K", help="number of evenly spaced frames in between")
    add_output(parser, "new run folder to write, leaving DIR as it is")
    parser.add_argument("--device", metavar="auto|cpu|cuda|mps", help="where to compute")


def add_export(commands: Any) -> None:
    """Add the parser of ``export``."""
    from napari_latentdyn.cli.export import OPTION, option_flags
    from napari_latentdyn.export import FORMATS

    parser = add_parser(
        commands,
        "export",
        "RUN [--to FORMAT] -o PATH [flags]",
        "export:export",
        "export a run for other programs",
        "Every file is written whole or not at all; Ctrl-C leaves no partial file.",
    )
    parser.add_argument("folder", metavar="RUN", help="run folder")
    parser.add_argument(
        "--to",
        metavar="FORMAT",
        action="append",
        default=[],
        help="name of a format or end of a file name; may be repeated, and PATH is then a folder. "
        "Without --to the suffix of PATH decides. "
        + "; ".join(f"{form.name}: {form.title} ({' '.join(form.suffixes)})" for form in FORMATS),
    )
    add_output(parser, "file to write, or folder for several formats", metavar="PATH")
    times = parser.add_mutually_exclusive_group()
    times.add_argument(
        "--times",
        metavar="T1,T2,..",
        help="fractions of the interval to write; the model makes frames that the run lacks",
    )
    times.add_argument("--frames", metavar="K", help="number of evenly spaced frames in between")
    parser.add_argument(
        "--device", metavar="auto|cpu|cuda|mps", help="device that computes the frames"
    )
    options = parser.add_argument_group("Options of formats")
    for flag, (option, takers) in option_flags().items():
        names = {int: "N", float: "X", str: "TEXT"}
        kwargs: dict[str, Any] = {"metavar": "|".join(option.choices) or names.get(option.kind)}
        if option.kind is bool:
            kwargs = {"action": argparse.BooleanOptionalAction}
        elif option.count == 2:
            kwargs = {"nargs": 2, "metavar": ("LOW", "HIGH")}
        elif option.count == 0:
            kwargs = {"metavar": "T1,T2,.."}
        text = f"{option.description} For {', '.join(form.name for form in takers)}"
        known = "" if option.default is None else f" (default: {default_text(option.default)})"
        options.add_argument(
            flag, dest=OPTION + option.name, default=None, help=f"{text}{known}.", **kwargs
        )


def add_carry(commands: Any) -> None:
    """Add the parser of ``carry``."""
    parser = add_parser(
        commands,
        "carry",
        "RUN WHAT [WHAT ..] -o PATH [flags]",
        "carry:carry",
        "carry labels, images, points, shapes or tracks along the motion of a run",
        "An image becomes a stack (OME-TIFF), one plane for each time; a table becomes a table "
        "(CSV) with times, which napari opens. Places are pixels of the images of the run.",
    )
    parser.add_argument("folder", metavar="RUN", help="run folder")
    parser.add_argument(
        "what",
        metavar="WHAT",
        nargs="+",
        help=f"image of the size of those of the run: {IMAGE}. Or a file with one image for each "
        "observation: images are fused from both ends as the frames are, and labels come from the "
        "nearest observation. Or a table (CSV) of points, shapes or tracks as napari has them, or "
        "with columns y and x, ID for tracks, and t for their times",
    )
    parser.add_argument(
        "--as",
        dest="kind",
        metavar="KIND",
        help="labels (nearest pixel, numbers kept), image (interpolated), points, shapes or tracks "
        "(gaps are filled); without it, images of whole numbers are labels, and the columns of a "
        "table decide",
    )
    parser.add_argument(
        "--from",
        dest="start",
        metavar="TIME",
        help="time of the observation on which WHAT lies, in the unit of the times of the run: 0 "
        "or 1 for two images (default: the first); not for tables with times",
    )
    add_output(
        parser,
        "file to write, or folder, in which files are named NAME_carried",
        metavar="PATH",
    )
    times = parser.add_mutually_exclusive_group()
    times.add_argument(
        "--times",
        metavar="T1,T2,..",
        help="times of the result, in the unit of the times of the run: fractions of the interval "
        "of two images (default: those of its frames; for tracks those of the images)",
    )
    times.add_argument(
        "--frames", metavar="K", help="number of evenly spaced times between two images"
    )
