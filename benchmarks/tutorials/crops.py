"""Cut the real images that the tutorials use out of stored sequences.

    python -m benchmarks.tutorials.crops ../shared/data

writes `docs/data`. Only needed to change a crop: the files are in the repository.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tifffile

__all__ = ["main"]

DATA = Path(__file__).resolve().parents[2] / "docs" / "data"


def main(source: Path) -> None:
    """Write the crops of the sequences in a folder."""
    DATA.mkdir(parents=True, exist_ok=True)
    pair = tifffile.imread(source / "seaice_modis_negreenland_pair.tif")[:, :232, :240]
    for image, day in zip(pair, ("2022-09-13", "2022-09-14"), strict=True):
        _write(f"modis_{day}.tif", image, photometric="rgb")
    nematic = tifffile.imread(source / "micro_active_nematic.tif")
    _write("nematic_turning.tif", nematic[:, 128:384, :256], photometric="minisblack")
    _write("nematic_cracks.tif", nematic[:, 60:316, 240:496], photometric="minisblack")


def _write(name: str, image: np.ndarray, photometric: str) -> None:
    tifffile.imwrite(
        DATA / name,
        np.ascontiguousarray(image),
        photometric=photometric,
        compression="zlib",
        compressionargs={"level": 9},
        predictor=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
