"""Cut the bundled sea-ice sample out of a pair of Sentinel-1 images.

    python scripts/make_sea_ice_sample.py seaice_sar_s1_pair.tif

The input holds two co-registered frames of backscatter in decibels, float32,
(2, 701, 1135); its origin is told in ``src/napari_latentdyn/data/README.md``.
The crop is the window in which the two images agree best once the common drift
is taken out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tifffile

from napari_latentdyn.core.observations.ometiff import write_ome_tiff
from napari_latentdyn.viewer.samples import SEA_ICE_FILE, SEA_ICE_INTERVAL, SEA_ICE_PIXEL_SIZE

TOP, LEFT, SIZE = 106, 248, 384


def main() -> None:
    """Write the crop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="TIFF file with the two frames")
    parser.add_argument("-o", "--output", type=Path, default=SEA_ICE_FILE)
    arguments = parser.parse_args()
    pair = tifffile.imread(arguments.source)
    if pair.shape != (2, 701, 1135):
        parser.error(f"expected two frames of 701 x 1135 pixels, not {pair.shape}")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_ome_tiff(
        arguments.output,
        np.ascontiguousarray(pair[:, TOP : TOP + SIZE, LEFT : LEFT + SIZE], dtype=np.float32),
        "TYX",
        pixel_size=(SEA_ICE_PIXEL_SIZE, SEA_ICE_PIXEL_SIZE),
        pixel_unit=("meter", "meter"),
        times=(0.0, SEA_ICE_INTERVAL["value"]),
        times_unit=SEA_ICE_INTERVAL["unit"],
        name="Sentinel-1 sea-ice pair",
        description=(
            "Contains modified Copernicus Sentinel data 2020. Sentinel-1B EW HH backscatter in "
            "dB, 2020-03-01 08:32:37 and 2020-03-02 07:35:29 UTC, cut from the images in "
            "github.com/xdenisx/ice_drift_pc_ncc (MIT licence)."
        ),
    )
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
