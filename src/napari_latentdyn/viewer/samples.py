"""Sample data: a real pair of sea ice, a real series of rain, and generated scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_latentdyn.core.dynamics.arrows import make_arrows
from napari_latentdyn.viewer.layers import LayerTuple, contrast_limits
from napari_latentdyn.viewer.scenes import (
    Scene,
    generate_coast_buoys,
    generate_new_cracks,
    generate_rotation_cracks,
    generate_translation_land,
)

__all__ = [
    "BUOY_INTERVAL",
    "BUOY_PIXEL_SIZE",
    "BUOY_SIGMA",
    "BUOY_STEPS",
    "INTERVAL_KEY",
    "RAIN_FILE",
    "RAIN_PIXEL_SIZE",
    "RAIN_STEP",
    "SEA_ICE_FILE",
    "SEA_ICE_INTERVAL",
    "SEA_ICE_PIXEL_SIZE",
    "Scene",
    "generate_coast_buoys",
    "generate_new_cracks",
    "generate_rotation_cracks",
    "generate_translation_land",
    "rain_series",
    "sea_ice_pair",
]

SEA_ICE_FILE = Path(__file__).parents[1] / "data" / "seaice_s1_pair.ome.tif"
SEA_ICE_INTERVAL: dict[str, Any] = {"value": 23.0, "unit": "hour"}
SEA_ICE_PIXEL_SIZE = 100.0
RAIN_FILE = Path(__file__).parents[1] / "data" / "rain_fmi_series.ome.tif"
RAIN_PIXEL_SIZE = 1.0  # kilometres
RAIN_STEP = 5.0  # minutes
BUOY_INTERVAL: dict[str, Any] = {"value": 12.0, "unit": "hour"}
BUOY_PIXEL_SIZE = 500.0  # metres
BUOY_STEPS = 13  # positions, one each hour
BUOY_SIGMA = 0.3  # pixels
# Metadata key for the time between two images.
INTERVAL_KEY = "latentdyn_interval"


def sea_ice_pair() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the two Sentinel-1 images, each (Y, X), in decibels.

    Contains modified Copernicus Sentinel data 2020. The pixels are 100 m wide,
    and 23 hours lie between the images.
    """
    first, last = np.asarray(tifffile.imread(SEA_ICE_FILE), dtype=np.float32)
    return first, last


def open_sea_ice() -> list[LayerTuple]:
    """Open the Sentinel-1 pair as two image layers."""
    pair = sea_ice_pair()
    limits = contrast_limits(np.stack(pair))
    attribution = "Contains modified Copernicus Sentinel data 2020"
    return [
        (
            image,
            {
                "name": name,
                "colormap": "gray",
                "contrast_limits": limits,
                "scale": (SEA_ICE_PIXEL_SIZE, SEA_ICE_PIXEL_SIZE),
                "units": ("meter", "meter"),
                "axis_labels": ("y", "x"),
                "metadata": {INTERVAL_KEY: dict(SEA_ICE_INTERVAL), "attribution": attribution},
            },
            "image",
        )
        for image, name in zip(
            pair, ("sea ice 2020-03-01 08:32", "sea ice 2020-03-02 07:35"), strict=True
        )
    ]


def rain_series() -> NDArray[np.float32]:
    """Return the seven radar images, (7, Y, X), as reflectivity in dBZ.

    Source: Finnish Meteorological Institute, CC BY 4.0. The pixels are 1 km wide, and 5 minutes lie
    between the images.
    """
    values = tifffile.imread(RAIN_FILE).astype(np.float32)
    return np.asarray(0.5 * values - 32.0, np.float32)


def open_rain() -> list[LayerTuple]:
    """Open the radar images as one stack."""
    return [
        (
            rain_series(),
            {
                "name": "rain 2016-09-28 15:30",
                "colormap": "turbo",
                "contrast_limits": (-10.0, 50.0),
                "scale": (RAIN_STEP, RAIN_PIXEL_SIZE, RAIN_PIXEL_SIZE),
                "units": ("minute", "kilometer", "kilometer"),
                "axis_labels": ("t", "y", "x"),
                "metadata": {"attribution": "Finnish Meteorological Institute, CC BY 4.0"},
            },
            "image",
        )
    ]


def open_translation_land() -> list[LayerTuple]:
    """Open the scene of ice that drifts past land."""
    return _scene_layers(generate_translation_land())


def open_coast_buoys() -> list[LayerTuple]:
    """Open the scene of ice with buoys, a mask of the land, and the tracks of the buoys."""
    scene = generate_coast_buoys(stages=BUOY_STEPS - 1)
    assert scene.land is not None
    assert scene.buoys is not None
    sides = (BUOY_PIXEL_SIZE,) * 2
    step = BUOY_INTERVAL["value"] / (BUOY_STEPS - 1)
    plane = {"scale": sides, "units": ("meter", "meter"), "axis_labels": ("y", "x")}
    over_time = {
        "scale": (step, *sides),
        "units": ("hour", "meter", "meter"),
        "axis_labels": ("t", "y", "x"),
    }
    noise = np.random.default_rng(0).normal(scale=BUOY_SIGMA, size=scene.buoys.shape)
    number, index = np.indices(scene.buoys.shape[:2]).reshape(2, -1)
    rows = np.column_stack([number, index, (scene.buoys + noise).reshape(-1, 2)])
    sigma = np.full(len(rows), BUOY_SIGMA)
    frames, _, first, last = _scene_layers(scene)
    frames[1].update(over_time)
    for layer in (first, last):
        layer[1].update(plane, metadata={INTERVAL_KEY: dict(BUOY_INTERVAL)})
    return [
        frames,
        first,
        last,
        (scene.land.astype(np.uint8), {"name": "coast", "opacity": 0.4, **plane}, "labels"),
        (rows, {"name": "buoys", "features": {"uncertainty": sigma}, **over_time}, "tracks"),
    ]


def open_rotation_cracks() -> list[LayerTuple]:
    """Open the scene of rotating ice with cracks."""
    return _scene_layers(generate_rotation_cracks())


def open_new_cracks() -> list[LayerTuple]:
    """Open the scene of ice that breaks."""
    return _scene_layers(generate_new_cracks())


def _scene_layers(scene: Scene) -> list[LayerTuple]:
    look: dict[str, Any] = {"colormap": "gray", "contrast_limits": (0.0, 1.0)}
    over_time = {"axis_labels": ("t", "y", "x"), "visible": False}
    arrows = make_arrows(scene.velocity)
    return [
        (
            scene.frames,
            {"name": f"{scene.name}: true frames", **look, **over_time},
            "image",
        ),
        (
            arrows.data,
            {
                "name": f"{scene.name}: true motion",
                "features": arrows.features,
                "edge_color": "speed",
                "edge_colormap": "turbo",
                "edge_width": arrows.width,
                "length": arrows.length,
                "vector_style": "arrow",
                "metadata": {"velocity": scene.velocity, "known": scene.known},
                **over_time,
            },
            "vectors",
        ),
        (
            scene.first,
            {"name": f"{scene.name}: first", **look, "axis_labels": ("y", "x")},
            "image",
        ),
        (
            scene.last,
            {"name": f"{scene.name}: last", **look, "axis_labels": ("y", "x")},
            "image",
        ),
    ]
