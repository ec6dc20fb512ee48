"""Prior knowledge from a file of settings."""

from __future__ import annotations

import argparse

from napari_latentdyn.cli.arguments import KNOWN
from napari_latentdyn.cli.errors import UsageError
from napari_latentdyn.settings.known import KNOWN_GROUP, KnownFiles

__all__ = ["take_known"]


def take_known(arguments: argparse.Namespace) -> None:
    """Add the files that a file of settings names to the arguments, which go before them.

    Raises
    ------
    UsageError
        If the command does not use what is known.
    """
    files = KnownFiles.from_json(arguments.settings)
    if files == KnownFiles():
        return
    if not hasattr(arguments, "hold_back"):
        raise UsageError(
            f"the group {KNOWN_GROUP} of {arguments.settings} is used by the command run alone; "
            "give this command a file without it."
        )
    flags = {"mask": "--mask", **{name: flag for name, (flag, _) in KNOWN.items()}}
    for name, flag in flags.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, list(getattr(files, flag.lstrip("-"))) or None)
    if arguments.hold_back is None and files.hold_back:
        arguments.hold_back = repr(files.hold_back)
