"""Entry point: parses the arguments, runs a command, turns errors into exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from napari_latentdyn.cli.codes import FAILED, WRONG_INPUT
from napari_latentdyn.cli.errors import OutputError
from napari_latentdyn.cli.parser import build_parser, parse
from napari_latentdyn.errors import (
    DeviceError,
    ExportWriteError,
    FitError,
    ResumeError,
    UserError,
)

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; see `napari_latentdyn.cli.main`."""
    parser = build_parser()
    try:
        arguments = parse(parser, sys.argv[1:] if argv is None else argv)
        code: int = arguments.command(arguments)
    except UserError as error:
        sys.stderr.write(f"napari-latentdyn: {error}\n")
        if isinstance(error, (DeviceError, ResumeError)):
            return WRONG_INPUT
        failed = isinstance(error, (ExportWriteError, FitError, OutputError))
        return FAILED if failed else WRONG_INPUT
    return code
