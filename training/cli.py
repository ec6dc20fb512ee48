"""The command line of the trainer."""

from __future__ import annotations

import argparse
import dataclasses
import logging
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_latentdyn.core.training.processes import Processes, together
from napari_latentdyn.core.training.torchrun import launched, shows
from napari_latentdyn.errors import SettingsError, UserError
from napari_latentdyn.settings import Settings
from training.evaluate import evaluate
from training.export import export, kept
from training.plan import Plan
from training.state import State
from training.train import train

__all__ = ["main"]

_log = logging.getLogger("training")


def main(arguments: list[str] | None = None) -> int:
    """Train, and write the weights; return the exit code."""
    parsed = _parser().parse_args(arguments)
    first = launched().rank == 0
    logging.basicConfig(level=logging.INFO if first else logging.ERROR, format="%(message)s")
    given = {
        name: value for name in Plan.model_fields if (value := getattr(parsed, name)) is not None
    }
    try:
        plan = Plan.parse(given)
        if parsed.judged < 1:
            raise SettingsError("--judged takes a number of scenes, at least 1.")
        settings = Settings.preset("standard").updated(dict(map(_pair, parsed.set)))
        with together(plan.device) as processes:
            state = deque(_trained(plan, settings, parsed.out, processes), maxlen=1)
        if not state:
            raise SettingsError(
                f"{parsed.out} holds a training that is over; give more steps or another folder"
            )
    except UserError as error:
        if shows(error):
            _log.error("%s", error)
        return 2
    except KeyboardInterrupt:
        if first:
            _log.error(
                "stopped; the same command goes on from the last checkpoint in %s", parsed.out
            )
        return 130
    if not first:
        return 0
    model = kept(state[0], plan)
    figures = evaluate(model, parsed.judged)
    path = export(model, state[0], plan, settings, figures, parsed.out / "prior.safetensors")
    for name, value in dataclasses.asdict(figures).items():
        _log.info("%s: %.3f", name, value)
    _log.info("wrote %s", path)
    return 0


def _trained(plan: Plan, settings: Settings, folder: Path, processes: Processes) -> Iterator[State]:
    try:
        yield from train(plan, settings, folder, processes)
    except RuntimeError as error:
        if processes.count == 1:
            raise
        raise processes.failure(error) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train the prior on generated scenes, or go on where a training stopped.",
    )
    parser.add_argument(
        "--out", "-o", type=Path, required=True, help="folder for all that is written"
    )
    parser.add_argument("--judged", type=int, default=64, help="unseen scenes for the figures (64)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a setting of the networks, e.g. model.extractor_width=12; may be repeated",
    )
    for name, field in Plan.model_fields.items():
        kind: Any = {"int": int, "float": float}.get(getattr(field.annotation, "__name__", ""), str)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=kind,
            help=f"{field.description} ({field.default})",
        )
    return parser


def _pair(text: str) -> tuple[str, Any]:
    from napari_latentdyn.settings import parse_value

    name, _, value = text.partition("=")
    return name, parse_value(name, value)
