"""Calibrate standard deviations on generated scenes, and measure them on others.

python -m benchmarks.trust [-o FILE] [--data DIR] [--calibrate] [--scenes N]

With --calibrate, the calibrations are fitted to other scenes, printed, and compared with those of
the package; the tables are always those of the package.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.accuracy.markdown import splice
from benchmarks.trust.calibrate import calibrated
from benchmarks.trust.samples import (
    Errors,
    fitted,
    frame_training,
    shared,
    tested,
    velocity_training,
)
from benchmarks.trust.tables import reliability_table, table_of

from napari_latentdyn.core.matching.uncertainty import SINGLE, SPREAD
from napari_latentdyn.core.rendering.deviation import FRAMES

#: Seeds of the scenes of each preset: for the calibration, and for the tables.
_TRAINING = {"quick": 1, "standard": 5, "one member": 7}
_TESTING = {"quick": 2, "standard": 6, "one member": 8}


def main() -> None:
    """Calibrate if asked to, measure, and write the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.trust", description="Measure standard deviations."
    )
    parser.add_argument("--data", default="../shared/data", help="folder with sequences")
    parser.add_argument("-o", "--output", default="build/trust.md", help="file for the tables")
    parser.add_argument("--calibrate", action="store_true", help="fit the calibrations, too")
    parser.add_argument("--scenes", type=int, default=100, help="scenes of each preset")
    parser.add_argument("--docs", metavar="FILE", help="page that takes the tables")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    if arguments.calibrate:
        _calibrate(arguments.scenes)
    parts = _generated(arguments.scenes) + _stored(Path(arguments.data))
    text = "\n\n".join(f"### {title}\n\n{part}" for title, part in parts)
    output = Path(arguments.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text + "\n")
    print(text)
    if arguments.docs:
        page = Path(arguments.docs)
        page.write_text(splice(page.read_text(), text))


def _calibrate(count: int) -> None:
    known = {name: fitted(count, seed, name) for name, seed in _TRAINING.items()}
    several = known["quick"] + known["standard"]
    terms, errors = velocity_training(known["one member"])
    # One member has no spread.
    terms[:, 0] = 0.0
    for title, found, now in (
        ("velocity, several members", calibrated(*velocity_training(several)), SPREAD),
        ("velocity, one member", calibrated(terms, errors), SINGLE),
        ("frames", calibrated(*frame_training(several)), FRAMES),
    ):
        print(f"{title}: {found}\n  in the package: {now}", flush=True)


def _generated(count: int) -> list[tuple[str, str]]:
    velocities: dict[str, list[Errors]] = {}
    frames: dict[str, list[Errors]] = {}
    for preset, seed in _TESTING.items():
        velocities[preset], frames[preset] = tested(fitted(count, seed, preset))
    every = [one for found in velocities.values() for one in found]
    return [
        ("Velocities of generated scenes", table_of(velocities)),
        ("Velocities by their standard deviation, in pixels", reliability_table(every)),
        ("Frames of generated scenes", table_of(frames)),
    ]


def _stored(folder: Path) -> list[tuple[str, str]]:
    velocities: dict[str, list[Errors]] = {}
    frames: dict[str, list[Errors]] = {}
    for preset in ("quick", "standard"):
        for velocity, shown in shared(folder, preset):
            velocities.setdefault(preset, []).extend([] if velocity is None else [velocity])
            frames.setdefault(preset, []).extend(shown)
    return [
        ("Velocities of sequences with known motion", table_of(velocities)),
        ("Frames of all sequences", table_of(frames)),
    ]


if __name__ == "__main__":
    main()
