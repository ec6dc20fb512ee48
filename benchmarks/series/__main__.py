"""Predict hidden frames of series, and write a table.

python -m benchmarks.series -o DIR [--methods A,B] [--series NAME,..] [--data DIR]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.accuracy.scores import score
from benchmarks.series.cases import generated_series, stored_series
from benchmarks.series.methods import METHODS
from benchmarks.series.tables import write_tables


def main() -> None:
    """Measure what is not measured yet, and write the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.series", description="Predict hidden frames of series."
    )
    parser.add_argument("--data", default="../shared/data", help="folder with sequences")
    parser.add_argument("-o", "--output", default="series", help="folder for figures and tables")
    parser.add_argument("--methods", default=",".join(METHODS).replace(", ", "/"), metavar="A,B")
    parser.add_argument("--series", default="", metavar="A,B", help="parts of the names of series")
    parser.add_argument("--again", action="store_true", help="measure all of it again")
    parser.add_argument("--docs", metavar="FILE", help="page that takes the tables")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    output = Path(arguments.output)
    output.mkdir(parents=True, exist_ok=True)
    file = output / "series.json"
    known: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.exists() else {}
    names = [name.replace("/", ", ") for name in arguments.methods.split(",")]
    parts = [part for part in arguments.series.split(",") if part]

    def wanted(name: str) -> bool:
        return not parts or any(part in name for part in parts)

    for series in (*generated_series(wanted), *stored_series(Path(arguments.data), wanted)):
        row = known.setdefault(series.name, {})
        for name in names:
            if name in row and not arguments.again:
                continue
            begin = time.process_time()
            frames = METHODS[name](series)
            seconds = time.process_time() - begin
            truth = series.frames[series.hidden]
            # A place that no image shows is nowhere in these series, apart from the border.
            found = np.where(np.isfinite(frames), frames, truth.mean())
            row[name] = {**score(found, truth), "seconds": seconds, "frames": len(truth)}
            print(f"{series.name:28} {name:18} {row[name]['psnr']:6.2f} dB", flush=True)
            file.write_text(json.dumps(known, indent=1) + "\n")
    write_tables(known, output / "series.md", None if not arguments.docs else Path(arguments.docs))


if __name__ == "__main__":
    main()
