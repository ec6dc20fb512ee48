"""The command line ``napari-latentdyn``: the same settings and the same core as the window.

Results go to disk and the name of their folder to standard output; progress and
messages go to standard error. PyTorch is imported only when the arguments are
known to be right.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from napari_latentdyn.cli.streams import lenient_streams
from napari_latentdyn.core.training.torchrun import launched

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line with `argv`, by default the arguments of the process.

    The exit code is 0 when the results are complete, 1 when the run failed or its output could not
    be written, 2 for wrong input, 130 when it was interrupted, 143 when it was
    terminated.
    """
    with lenient_streams() as (output, _):
        try:
            # Imported here because it takes a while, in which Ctrl-C may be pressed.
            from napari_latentdyn.cli.program import main as program

            code = program(argv)
        except KeyboardInterrupt as interrupt:
            if launched().rank == 0:
                sys.stderr.write("napari-latentdyn: interrupted; nothing was written.\n")
            # Python notes an interrupt within `exec`, as when a data class is made, and would end
            # by the signal instead of returning our code; the next call of `exec` clears the note.
            exec("")
            return int(interrupt.args[0]) if interrupt.args else 130
        output.flush()
        if output.problem is None or code != 0:
            return code
        sys.stderr.write(
            "napari-latentdyn: the command succeeded, but its output cannot be written to "
            f"standard output: {output.problem}.\n"
        )
        return 1
