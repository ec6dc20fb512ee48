"""Arguments of the command line."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from napari_latentdyn import __version__
from napari_latentdyn.cli.arguments import IMAGE, KNOWN_FLAGS, add_knowledge, add_output, add_parser
from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.cli.flags import add_setting_flags
from napari_latentdyn.cli.run_commands import add_apply, add_carry, add_export
from napari_latentdyn.settings.scene import SCENE_PRESETS, SceneOptions

__all__ = ["build_parser", "parse"]

#: Settings that a scene without networks uses.
_SCENE = [
    f"{group}.{name}"
    for group, names in {
        "images": "channel normalisation brightness missing_value interval interval_unit",
        "model": "stages members refinement weighting",
        "physics": "equation motion interpolation limiter border visibility",
        "training": "device threads",
        "output": "frames times",
    }.items()
    for name in names.split()
]
_LIST = re.compile(r"-[\d.][\d.eE+-]*,")


class Parser(argparse.ArgumentParser):
    """An argument parser that reports an error as one sentence, without usage text."""

    def error(self, message: str) -> NoReturn:
        """Raise a `UsageError` and do not exit the process."""
        sentence = message[0].lower() + message[1:].rstrip(".")
        raise UsageError(f"{sentence}; see '{self.prog} --help'.")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="napari-latentdyn",
        description="Find the motion between images of one scene.",
        epilog="Results go to disk, progress to standard error. Exit codes: 0 the results are "
        "complete, 1 the run failed, 2 wrong input, 130 interrupted and 143 terminated (the "
        "training so far is kept).",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"napari-latentdyn {__version__}",
        help="show the version and exit",
    )
    commands = parser.add_subparsers(title="Commands", metavar="COMMAND", required=True)
    for add in (_add_run, _add_scene, add_apply, _add_compare, _add_demo, add_export, add_carry):
        add(commands)
    about = "show versions, devices and why CUDA is not used, or what a run folder holds"
    info = add_parser(commands, "info", "[DIR]", "info:info", about)
    info.add_argument("folder", metavar="DIR", nargs="?", help="run folder")
    return parser


def parse(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """Parse arguments; an unknown flag raises `UsageError` with the nearest known flag."""
    arguments, rest = parser.parse_known_args(_joined(argv))
    if rest:
        flag = rest[0].partition("=")[0]
        command = arguments.parser.prog.split()[-1]
        if flag in KNOWN_FLAGS:
            raise UsageError(
                f"{command} takes no regions, tracks or landmarks; give {flag} to run instead."
            )
        known = re.findall(r"(?<!\w)--[a-z][a-z-]*", arguments.parser.format_help())
        near = difflib.get_close_matches(flag, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"see '{arguments.parser.prog} --help'."
        kind = "flag" if rest[0].startswith("-") else "argument"
        raise UsageError(f"there is no {kind} '{rest[0]}'; {hint}")
    return arguments


def _joined(argv: Sequence[str]) -> list[str]:
    """Join a flag and a list that starts with a minus, which looks like a flag itself."""
    joined: list[str] = []
    for text in argv:
        if joined and _LIST.match(text) and re.match(r"--[a-z-]+$", joined[-1]):
            joined[-1] += f"={text}"
        else:
            joined.append(text)
    return joined


def _add_pair(parser: Any) -> None:
    parser.add_argument("first", metavar="FIRST", help=f"first image: {IMAGE}")
    parser.add_argument("last", metavar="LAST", help="last image")
    parser.add_argument(
        "--mask",
        nargs=2,
        metavar=("FIRST", "LAST"),
        help="images of the same size that are not zero where a pixel of the first and of the "
        "last image is missing",
    )


def _add_run(commands: Any) -> None:
    parser = add_parser(
        commands,
        "run",
        "IMAGE IMAGE [IMAGE ..] -o DIR [flags]\n       %(prog)s --resume DIR [flags]",
        "runs:run",
        "find the motion between two images or more and write a run folder",
        "Ctrl-C stops the training and saves the result so far, marked as stopped; --resume "
        "continues it. During the computation of frames, Ctrl-C saves only those at the "
        "times of the images; apply computes the others.",
    )
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="*",
        help=f"images in order of time: {IMAGE}. A series may also be a folder, a pattern such "
        "as 'day*.tif', or one file with all images",
    )
    parser.add_argument(
        "--mask",
        nargs="+",
        metavar="FILE",
        help="images of the same size that are not zero where a pixel is missing, or outlines as "
        "those of --still: one for each image, or one for all",
    )
    parser.add_argument(
        "--times-of-images",
        metavar="T0,T1,..",
        help="times of the images, numbers in units of --interval or dates such as "
        "2024-03-01T12:00; without it, times that the file of a series gives, else even ones",
    )
    parser.add_argument(
        "--times-pattern",
        metavar="PATTERN",
        help="read the times from the names of the files, such as %%Y%%m%%d_%%H%%M",
    )
    parser.add_argument(
        "--times-table",
        metavar="FILE",
        help="read the times from a table (CSV) with the name of a file and its time in each row",
    )
    add_output(parser, "run folder to write (default with --resume: that folder)")
    parser.add_argument("--resume", metavar="DIR", help="continue the training of this run folder")
    add_knowledge(parser)
    add_setting_flags(parser)


def _plain(description: str | None) -> str:
    """Return the description of a setting in the style of the help of arguments."""
    text = (description or "").rstrip(".")
    return text[:1].lower() + text[1:]


def _add_scene(commands: Any) -> None:
    parser = add_parser(
        commands,
        "scene",
        "FIRST LAST -o DIR [flags]",
        "scene:scene",
        "match two images that do not fit into the memory, tile by tile",
        "Frames are written as OME-Zarr, which napari opens without reading it whole. The same "
        "command continues a scene that was stopped.",
    )
    kinds = "TIFF, GeoTIFF, COG or Zarr; FILE:3 takes one image of a Zarr"
    tile = SceneOptions.model_fields["tile"]
    parser.add_argument("first", metavar="FIRST", help=f"first image: {kinds}")
    parser.add_argument("last", metavar="LAST", help="last image")
    add_output(parser, "folder of the scene to write", required=True)
    parser.add_argument(
        "--tile",
        type=int,
        default=tile.default,
        metavar="N",
        help=f"{_plain(tile.description)} [pixels] (default: %(default)s)",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help=_plain(SceneOptions.model_fields["scheduler"].description),
    )
    parser.add_argument("--tiff", metavar="FILE", help="also write the frames as BigTIFF")
    add_setting_flags(parser, presets=SCENE_PRESETS, preset=SCENE_PRESETS[0], only=_SCENE)


def _add_compare(commands: Any) -> None:
    parser = add_parser(
        commands,
        "compare",
        "FIRST LAST -o DIR [flags]",
        "compare:compare",
        "make frames with several methods, side by side, and score them",
        "Frames are compared with true frames if these are given. Otherwise the measures are the "
        "difference that remains when the field carries one image to the other, and the change of "
        "the total intensity.",
    )
    _add_pair(parser)
    add_output(parser, "folder to write", required=True)
    parser.add_argument(
        "--truth",
        metavar="STACK",
        help="true frames, with or without the two images at the ends, evenly spaced unless "
        "--truth-times has their times",
    )
    parser.add_argument(
        "--truth-times",
        metavar="T1,T2,..",
        help="time of each true frame as a fraction of the interval; the methods compute frames "
        "at these times",
    )
    parser.add_argument(
        "--methods",
        metavar="A,B,..",
        help="dissolve (cross-dissolve), flow and dis (TV-L1 and DIS optical flow from both "
        "sides), advection (of the images themselves), transport and transport-entropic (optimal "
        "transport), quick, standard, accurate, paper (our presets); baselines means all methods "
        "without training, all means all methods (default: dissolve,flow,standard; with --result "
        "dissolve,flow)",
    )
    parser.add_argument(
        "--result",
        metavar="RUN",
        action="append",
        default=[],
        help="run folder of the same two images, compared without training again; may be repeated",
    )
    add_setting_flags(parser, presets=())


def _add_demo(commands: Any) -> None:
    parser = add_parser(
        commands,
        "demo",
        "[flags]",
        "demo:demo",
        "find the drift of real sea ice between two Sentinel-1 images",
        "The images come with the package. The result opens in napari where there is a display.",
    )
    add_output(parser, "run folder to write (default: %(default)s)", "latentdyn-demo")
    parser.add_argument("--no-view", action="store_true", help="do not open napari")
    add_setting_flags(parser)
