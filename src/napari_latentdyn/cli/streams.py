"""Standard output and error whose failures never end a command."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

__all__ = ["Stream", "lenient_streams"]

_ERRORS = "latentdyn.escape"


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    """Write bytes of file names as they are, and letters that the encoding lacks as escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    # One letter at a time, because a run of them may hold both kinds.
    error.end = error.start + 1
    with suppress(UnicodeEncodeError):
        return codecs.lookup_error("surrogateescape")(error)
    return codecs.lookup_error("backslashreplace")(error)


codecs.register_error(_ERRORS, _escape)


class Stream:
    """Text for a stream that may be closed or full; `problem` is the reason of a failed write."""

    def __init__(self, stream: TextIO) -> None:
        self.problem: str | None = None
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text if that is possible."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write lines if that is possible."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Flush the stream if that is possible."""
        self._try(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _try(self, act: Any) -> None:
        if self.problem is not None:
            return
        try:
            act()
        except (OSError, ValueError) as error:
            # ValueError is raised by a stream that was closed.
            self.problem = getattr(error, "strerror", None) or str(error)
            self._drop()

    def _drop(self) -> None:
        """Redirect unwritten text to nowhere, because Python complains of it at exit."""
        with suppress(OSError, ValueError, AttributeError):
            # A stream of the caller, such as a test, is left alone.
            if self._stream in (sys.__stdout__, sys.__stderr__):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)


@contextmanager
def lenient_streams() -> Iterator[tuple[Stream, Stream]]:
    """Replace standard output and standard error by streams that never fail."""
    before = sys.stdout, sys.stderr
    errors = [getattr(stream, "errors", None) for stream in before]
    made: list[Stream] = []
    nowhere: list[TextIO] = []
    for stream in before:
        target: Any = stream
        if target is None:
            # Python has no stream for a descriptor that was closed before its start.
            target = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
            nowhere.append(target)
        _set_errors(target, _ERRORS)
        made.append(Stream(target))
    sys.stdout, sys.stderr = made
    try:
        yield made[0], made[1]
    finally:
        for wrapped in made:
            wrapped.flush()
        sys.stdout, sys.stderr = before
        for stream, old in zip(before, errors, strict=True):
            _set_errors(stream, old)
        for target in nowhere:
            target.close()


def _set_errors(stream: Any, errors: str | None) -> None:
    if errors is not None and hasattr(stream, "reconfigure"):
        with suppress(OSError, ValueError):
            stream.reconfigure(errors=errors)
