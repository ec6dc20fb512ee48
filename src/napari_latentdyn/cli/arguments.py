"""Parts of the parsers of all commands."""

from __future__ import annotations

import argparse
from functools import partial
from importlib import import_module
from typing import Any

__all__ = ["IMAGE", "KNOWN", "KNOWN_FLAGS", "add_knowledge", "add_output", "add_parser"]

#: Files that are read as images, for the help of arguments.
IMAGE = "TIFF, OME-TIFF, PNG or JPEG; FILE:3 takes one image of a file with several"

#: Files of the user by the name of their argument: the flag, and its help.
KNOWN = {
    "still": ("--still", "region where nothing moves, such as land"),
    "wall": ("--wall", "region that nothing enters or leaves; motion along its edge is free"),
    "interest": ("--roi", "region of interest, in which alone the motion is computed"),
    "source": ("--sources", "region in which new values may appear (--equation sparse_source)"),
    "rigid": ("--rigid", "rigid bodies: each label, shape or feature moves and turns as a whole"),
    "tracks": (
        "--tracks",
        (
            "positions of points at times between the images, such as buoys: tables (CSV) with the "
            "columns id, time, and y and x, lat and lon, or northing and easting; or GeoJSON"
        ),
    ),
    "landmarks": (
        "--landmarks",
        (
            "points that were marked in the images: a table (CSV) with the columns y0, x0, y1, x1, "
            "or points of a stack as napari saves them; or one table for each image"
        ),
    ),
}
#: Flags of all that the user knows.
KNOWN_FLAGS = (*(flag for flag, _ in KNOWN.values()), "--hold-back")


def add_parser(
    commands: Any, name: str, usage: str, function: str, summary: str, more: str = ""
) -> Any:
    """Add the parser of a command and return it; `function` is "module:function" of `cli`."""
    parser = commands.add_parser(
        name,
        usage=f"%(prog)s {usage}",
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}. {more}".strip(),
        allow_abbrev=False,
    )
    # The type of all arguments of the command.
    parser.register("type", None, _text)
    parser.set_defaults(command=partial(_run, function), parser=parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="show warnings only")
    return parser


def _run(target: str, arguments: argparse.Namespace) -> int:
    """Import and run a command; help and errors of arguments need no import."""
    module, _, name = target.partition(":")
    code: int = getattr(import_module(f"napari_latentdyn.cli.{module}"), name)(arguments)
    return code


def add_knowledge(parser: Any) -> None:
    """Add the flags of regions and tracks that the user knows."""
    group = parser.add_argument_group(
        "Known regions and motion",
        "A region is one file for all images, or one for each: an image that is not zero inside, a "
        "table (CSV) of shapes as napari saves them, or GeoJSON.",
    )
    for name, (flag, text) in KNOWN.items():
        group.add_argument(flag, dest=name, nargs="+", metavar="FILE", help=text)
    group.add_argument(
        "--hold-back",
        metavar="PART",
        help="part or number of the tracks and landmarks that take no part in the result; they "
        "measure how well the others predict them",
    )


def add_output(parser: Any, text: str, default: str | None = None, **kwargs: Any) -> None:
    """Add the flags of the result: where to write, and whether to replace."""
    kwargs = {"metavar": "DIR", **kwargs}
    parser.add_argument("-o", "--output", default=default, help=text, **kwargs)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace results of an earlier call"
    )


def _text(text: str) -> str:
    """Return the text of an argument, unless it is empty, such as of a variable that is not set."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the value is empty; give one, or leave the argument out")
    return text
