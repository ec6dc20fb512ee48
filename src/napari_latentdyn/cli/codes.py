"""Exit codes of the command line."""

from __future__ import annotations

__all__ = ["FAILED", "INTERRUPTED", "OK", "TERMINATED", "WRONG_INPUT"]

OK = 0
FAILED = 1
WRONG_INPUT = 2
#: What shells report for a program that Ctrl-C ended.
INTERRUPTED = 130
#: The same for SIGTERM.
TERMINATED = 143
