"""Tries random inputs in a process of its own, with limits of time and memory."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["KINDS", "Failure", "Outcome", "fuzz"]

#: What is tried, and how often out of all inputs.
KINDS = {"arrays": 0.25, "settings": 0.2, "folders": 0.25, "commands": 0.15, "images": 0.15}
#: Address space above what the process has when all is imported.
MEMORY = 2**30
_LONGEST = 1000


@dataclass(frozen=True)
class Failure:
    """An input that did not end as it should."""

    kind: str
    number: int
    what: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}: {self.what}"


@dataclass
class Outcome:
    """What became of all inputs."""

    tried: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    largest: int = 0
    slowest: float = 0.0


def fuzz(
    count: int,
    seed: int,
    *,
    kinds: Iterable[str] = tuple(KINDS),
    limit: float = 30.0,
    only: tuple[str, int] | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Try inputs.

    Parameters
    ----------
    count : int
        How many inputs.
    seed : int
        Inputs depend on this, their kind and their number only.
    kinds : iterable of str
        Some of `KINDS`.
    limit : float
        Seconds that one input may take.
    only : (str, int), optional
        Kind and number of the one input to try.
    tell : callable, optional
        Called with every failure, and now and then with the progress.
    """
    chosen = {kind: share for kind, share in KINDS.items() if kind in set(kinds)}
    whole = sum(chosen.values())
    queue = [(k, i) for k, share in chosen.items() for i in range(round(count * share / whole))]
    queue = [only] if only else queue
    outcome = Outcome()
    # Every thread would reserve address space of its own, which is no memory.
    os.environ["MALLOC_ARENA_MAX"] = "1"
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        child: _Child | None = None
        began = time.monotonic()
        for done, (kind, number) in enumerate(queue):
            if child is None:
                child = _Child(Path(place), seed)
            started = time.monotonic()
            what, told, memory = child.ask(kind, number, limit)
            outcome.slowest = max(outcome.slowest, time.monotonic() - started)
            outcome.largest = max(outcome.largest, memory)
            outcome.tried[kind] += 1
            outcome.refused[kind] += what == "refused"
            outcome.reasons[f"{kind}: {told.replace(place, '')[:60]}"] += 1
            if what not in ("done", "refused"):
                outcome.failures.append(Failure(kind, number, told))
                tell(str(outcome.failures[-1]))
            if what == "ended":
                child = None
            if done % 500 == 499:
                tell(f"{done + 1} of {len(queue)} in {time.monotonic() - began:.0f} s")
        if child is not None:
            child.end()
    return outcome


class _Child:
    """The process in which inputs are tried."""

    def __init__(self, place: Path, seed: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, place, seed), daemon=True)
        self._process.start()
        other.close()
        # Imports, and on the first time what is broken later.
        if not self._pipe.poll(300) or self._pipe.recv() != "ready":
            raise RuntimeError("the process that tries inputs did not begin")

    def ask(self, kind: str, number: int, limit: float) -> tuple[str, str, int]:
        """Try one input; return what became of it, what was said, and bytes of memory."""
        self._pipe.send((kind, number))
        if not self._pipe.poll(limit):
            self._process.kill()
            self._process.join()
            return "ended", f"still not done after {limit:g} s", 0
        try:
            answer: tuple[str, str, int] = self._pipe.recv()
        except EOFError:
            self._process.join()
            return "ended", f"the process ended with {self._process.exitcode}", 0
        return answer

    def end(self) -> None:
        """End the process."""
        self._pipe.send(None)
        self._process.join(20)
        self._process.kill()


def _serve(pipe: Connection, place: Path, seed: int) -> None:
    warnings.simplefilter("ignore")
    ways = _ways(place)
    base = _memory()
    resource.setrlimit(resource.RLIMIT_AS, (base + MEMORY, base + MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**28, 2**28))
    pipe.send("ready")
    while (asked := pipe.recv()) is not None:
        kind, number = asked
        folder = place / "now"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        random = np.random.default_rng([seed, list(KINDS).index(kind), number])
        pipe.send((*_try(ways[kind], random, folder), max(0, _memory() - base)))


def _ways(place: Path) -> dict[str, Callable[[np.random.Generator, Path], Any]]:
    # Only in the child: these imports take seconds.
    import napari.components
    import napari.layers  # noqa: F401
    from tests.fuzz.arrays import try_arrays
    from tests.fuzz.commands import try_commands
    from tests.fuzz.folders import make_folders, try_folders
    from tests.fuzz.images import make_images, try_images
    from tests.fuzz.settings import try_settings

    import napari_latentdyn.export  # noqa: F401

    made, images = place / "made", place / "images"
    if not images.is_dir():
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        make_folders(made)
        make_images(images)
    return {
        "arrays": lambda random, _: try_arrays(random),
        "settings": try_settings,
        "folders": lambda random, folder: try_folders(random, folder, made),
        "commands": lambda random, folder: try_commands(random, folder, made),
        "images": lambda random, folder: try_images(random, folder, images),
    }


def _try(
    way: Callable[[np.random.Generator, Path], Any], random: np.random.Generator, folder: Path
) -> tuple[str, str]:
    from napari_latentdyn.errors import UserError

    printed: list[str] = []
    # What Python prints as "Exception ignored in" with a traceback.
    sys.unraisablehook = lambda args: printed.append(f"{args.object}: {args.exc_value!r}")
    try:
        told = way(random, folder)
    except UserError as error:
        told = str(error)
    # Whatever it is, it is what this looks for.
    except BaseException as error:  # noqa: BLE001
        where = traceback.extract_tb(error.__traceback__)
        own = [f"{Path(f.filename).name}:{f.lineno}" for f in where][-6:]
        text = str(error) if isinstance(error, AssertionError) else repr(error)
        return "failed", f"{text[:300]} at {' > '.join(own)}"
    if printed:
        return "failed", f"printed a traceback: {printed[0][:300]}"
    if not told:
        return "done", ""
    problem = _problem(str(told))
    return ("failed", f"{problem}: {str(told)[:200]!r}") if problem else ("refused", str(told))


def _problem(sentence: str) -> str | None:
    """Return what is wrong with a sentence for the user."""
    if "\n" in sentence or not sentence.endswith((".", "?")) or sentence.endswith(".."):
        return "not one sentence"
    if len(sentence) > _LONGEST:
        return f"{len(sentence)} letters long"
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in sentence):
        return "letters that cannot be printed"
    if "does not fit into the memory" in sentence or "memory is too small" in sentence:
        return "asked for more than 1 GB"
    return None


def _memory() -> int:
    """Return the address space of this process, in bytes."""
    if sys.platform != "linux":
        return 0
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()
