"""Entry point: parses the arguments, runs a command, turns errors into exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from napari_latentdyn.cli.codes import FAILED, INTERRUPTED, WRONG_INPUT
from napari_latentdyn.cli.errors import OutputError
from napari_latentdyn.cli.parser import build_parser, parse
from napari_latentdyn.errors import FitError, UserError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process if they are not given.

    Returns
    -------
    int
        0 when the results are complete, 1 when the run failed, 2 for wrong
        input, 130 when it was interrupted.
    """
    parser = build_parser()
    try:
        arguments = parse(parser, sys.argv[1:] if argv is None else argv)
        code: int = arguments.command(arguments)
    except KeyboardInterrupt:
        _say("interrupted; nothing was written.")
        return INTERRUPTED
    except UserError as error:
        _say(str(error))
        return FAILED if isinstance(error, (FitError, OutputError)) else WRONG_INPUT
    return code


def _say(sentence: str) -> None:
    sys.stderr.write(f"napari-latentdyn: {sentence}\n")
