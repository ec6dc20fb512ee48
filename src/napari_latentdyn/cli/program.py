"""Entry point: parses the arguments, runs a command, turns errors into exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from napari_latentdyn.cli.codes import FAILED, WRONG_INPUT
from napari_latentdyn.cli.errors import OutputError, UsageError
from napari_latentdyn.cli.parser import build_parser, parse
from napari_latentdyn.core.training.torchrun import launched, shows, silent_unless_first
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
        with silent_unless_first():
            arguments = parse(parser, sys.argv[1:] if argv is None else argv)
            _check_processes(arguments)
            code: int = arguments.command(arguments)
    except UserError as error:
        if shows(error):
            sys.stderr.write(f"napari-latentdyn: {error}\n")
        if isinstance(error, (DeviceError, ResumeError)):
            return WRONG_INPUT
        failed = isinstance(error, (ExportWriteError, FitError, OutputError))
        return FAILED if failed else WRONG_INPUT
    return code


def _check_processes(arguments: argparse.Namespace) -> None:
    command = arguments.parser.prog.split()[-1]
    if command != "run" and launched().count > 1:
        raise UsageError(
            f"{command} works in one process: call {command} without torchrun, which is for run."
        )
