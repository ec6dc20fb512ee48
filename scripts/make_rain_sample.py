"""Cut the bundled rain sample out of a series of radar images.

    python scripts/make_rain_sample.py radar_fmi_20160928.tif

The input holds seven frames, (7, 512, 512), of the 8-bit values of the radar composite of the
Finnish Meteorological Institute, averaged to pixels of 1 km; its origin is told in
``src/napari_latentdyn/data/README.md``. The crop is the window with the most rain.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tifffile

from napari_latentdyn.viewer.samples import RAIN_FILE, RAIN_PIXEL_SIZE, RAIN_STEP

TOP, LEFT, SIZE = 64, 32, 256


def main() -> None:
    """Write the crop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="TIFF file with the seven frames")
    parser.add_argument("-o", "--output", type=Path, default=RAIN_FILE)
    arguments = parser.parse_args()
    series = tifffile.imread(arguments.source)
    if series.shape != (7, 512, 512):
        parser.error(f"expected seven frames of 512 x 512 pixels, not {series.shape}")
    crop = series[:, TOP : TOP + SIZE, LEFT : LEFT + SIZE]
    tifffile.imwrite(
        arguments.output,
        np.rint(crop).astype(np.uint8),
        ome=True,
        compression="zlib",
        predictor=True,
        metadata={
            "axes": "TYX",
            "Name": "FMI rain radar",
            "Description": (
                "Radar reflectivity, dBZ = 0.5 * value - 32. Source: Finnish Meteorological "
                "Institute, radar composite of 2016-09-28, 15:30 to 16:00 UTC, CC BY 4.0; "
                "averaged to pixels of 1 km and cropped."
            ),
            "PhysicalSizeX": RAIN_PIXEL_SIZE,
            "PhysicalSizeXUnit": "km",
            "PhysicalSizeY": RAIN_PIXEL_SIZE,
            "PhysicalSizeYUnit": "km",
            "TimeIncrement": RAIN_STEP,
            "TimeIncrementUnit": "min",
        },
    )
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
