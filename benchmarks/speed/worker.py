"""Measures in a process of its own; see `Runner`.

    python -m benchmarks.speed.worker JOB

takes a job as JSON and prints what was measured as JSON, on the last line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.speed import race, reference
from benchmarks.speed.subjects import Subject, set_threads
from benchmarks.speed.timing import Probe, added_memory, in_turn

__all__ = ["main"]

#: Side in pixels of the images of the first run, which loads modules and weights.
WARM_UP = 64


def main(arguments: list[str]) -> None:
    """Do one job and print its figures."""
    job = json.loads(arguments[0])
    set_threads(job["threads"])
    kinds = {"times": _times, "memory": _memory, "race": _race}
    print(json.dumps(kinds[job["kind"]](job)))


def _times(job: dict[str, Any]) -> dict[str, Any]:
    threads = job["threads"]
    subjects = {name: Subject(**data) for name, data in job["subjects"].items()}
    for subject in subjects.values():
        subject.resized(WARM_UP).prepared(threads)()
    ready = {name: subject.prepared(threads) for name, subject in subjects.items()}
    probe = Probe()
    return {"seconds": in_turn(ready, job["repeats"], probe), "probe": probe.seconds}


def _memory(job: dict[str, Any]) -> dict[str, Any]:
    subject = Subject(**job["subject"])
    subject.resized(WARM_UP).prepared(job["threads"])()
    return {"mb": added_memory(subject.prepared(job["threads"]))}


def _race(job: dict[str, Any]) -> dict[str, Any]:
    case = race.read(job["case"], Path(job["data"]))
    return race.measure(case, job["steps"] or reference.STEPS, job["repeats"], job["threads"])


if __name__ == "__main__":
    main(sys.argv[1:])
