"""What the networks and the training add to matching, part by part.

    python -m benchmarks.accuracy.parts --data DATA --out build/parts

Each variant takes one part away from the same run. Frames are compared with the
true ones of every stored sequence.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import torch
from benchmarks.accuracy.cases import Case, stored_cases
from benchmarks.accuracy.markdown import number, splice, table
from benchmarks.accuracy.scores import score

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import Progress, fit
from napari_latentdyn.core.training.prior import load_weights
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings

__all__ = ["PRESETS", "VARIANTS", "main", "measure", "parts_table"]

PRESETS = ("quick", "standard")
#: Steps of training in the variant with training.
STEPS = 40
#: Variants by key: the title of the row.
VARIANTS = {
    "trained": "F, matching, D, training",
    "untrained": "F, matching, D (no training)",
    "without_d": "F, matching (no D, no training)",
    "without_f": "matching, D (no F, no training)",
    "matching": "matching only (no network)",
}

Row = dict[str, float]
Rows = dict[str, dict[str, dict[str, Row]]]


def measure(case: Case, preset: str, *, training: bool = True) -> dict[str, Row]:
    """Run all variants of a preset on one sequence.

    Parameters
    ----------
    case : Case
        Two images and the true frames between them.
    preset : str
        A preset that matches.
    training : bool
        Also run the variant with training, which takes most of the time.

    Returns
    -------
    dict
        For each of `VARIANTS` "psnr" and "ssim", the means over the true frames,
        and "seconds" of one CPU thread from the images to these frames.
    """
    always = {"output.preview": False, "training.threads": 1, "training.device": "cpu"}
    chosen = Settings.preset(preset).updated(always)
    pretrained = chosen.updated({"training.start_from": "prior", "training.steps": 0})
    observations = Observations.from_arrays(case.first, case.last, settings=chosen.images)

    # The decoder of the prior is loaded where something is trained.
    longer = pretrained.updated({"training.steps": STEPS})

    proposed, seconds = _timed(fit(observations, pretrained))
    rows = {"without_d": _row(proposed, case, seconds)}
    load_weights(proposed.fitted.model, longer)
    rows["untrained"] = _row(proposed, case, seconds)
    if training:
        trained, seconds = _timed(fit(observations, longer))
        rows["trained"] = _row(trained, case, seconds)

    matched, seconds = _timed(
        fit(observations, pretrained.updated({"training.start_from": "scratch"}))
    )
    rows["matching"] = _row(matched, case, seconds)
    load_weights(matched.fitted.model, longer)
    rows["without_f"] = _row(matched, case, seconds)
    return rows


def _timed(fitting: Generator[Progress, None, Dynamics]) -> tuple[Dynamics, float]:
    started = time.process_time()
    return drain(fitting), time.process_time() - started


def _row(dynamics: Dynamics, case: Case, seconds: float) -> Row:
    started = time.process_time()
    frames = dynamics.frames(case.times)
    seconds += time.process_time() - started
    scores = score(frames, case.truth)
    return {"psnr": scores["psnr"], "ssim": scores["ssim"], "seconds": seconds}


def parts_table(rows: Rows) -> str:
    """Return the means over the sequences as a table.

    The change is against matching alone on the same sequences.

    Parameters
    ----------
    rows : dict
        Rows of `measure` by preset and sequence.
    """
    header = ["preset", "parts", "PSNR (dB)", "SSIM", "change (dB)", "least", "most"]
    header += ["CPU seconds", "sequences"]
    lines = []
    for preset, cases in rows.items():
        for key, title in VARIANTS.items():
            known = [case for case in cases.values() if key in case]
            if not known:
                continue
            psnr, ssim, seconds = (
                float(np.mean([case[key][name] for case in known]))
                for name in ("psnr", "ssim", "seconds")
            )
            gains = [case[key]["psnr"] - case["matching"]["psnr"] for case in known]
            cells = [number(psnr, 2), number(ssim, 4)]
            changes = (float(np.mean(gains)), min(gains), max(gains))
            cells += [number(change, 2, sign=True) for change in changes]
            lines.append([f"`{preset}`", title, *cells, number(seconds, 1), str(len(known))])
    return table(header, lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    path: Path = options.out / "parts.json"
    rows: Rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def wanted(name: str) -> bool:
        return any(part in name for part in options.cases.split(","))

    cases = stored_cases(options.data, wanted)
    for preset in options.presets.split(","):
        measured = rows.setdefault(preset, {})
        for case in cases:
            known = measured.get(case.name, {})
            if "matching" in known and (options.no_training or "trained" in known):
                continue
            measured[case.name] = measure(case, preset, training=not options.no_training)
            path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
            said = "  ".join(f"{key} {row['psnr']:.2f}" for key, row in measured[case.name].items())
            print(f"{preset:9} {case.name:24} {said}", flush=True)
    text = parts_table(rows)
    print(text)
    if options.docs:
        written = splice(options.docs.read_text(encoding="utf-8"), text)
        options.docs.write_text(written, encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy.parts",
        description="Measure what networks and training add to matching.",
    )
    add = parser.add_argument
    add("--data", type=Path, default=Path("../shared/data"), help="folder with sequences")
    add("--out", type=Path, default=Path("build/parts"), help="folder to write; rows are kept")
    add("--presets", default=",".join(PRESETS), help="presets that match, separated by commas")
    add("--cases", default="", help="only those whose name holds one of these")
    add("--docs", type=Path, help="page that takes the table between its markers")
    add("--no-training", action="store_true", help="leave out the variant with training")
    return parser


if __name__ == "__main__":
    sys.exit(main())
