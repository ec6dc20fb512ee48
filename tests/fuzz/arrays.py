"""Arrays given from Python."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from tests.fuzz.settings import some_changes
from tests.fuzz.values import WILD_NUMBERS, Random, pick, some_text, some_value

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit_pair import fit_pair
from napari_latentdyn.errors import Stopped
from napari_latentdyn.settings import Settings

__all__ = ["try_arrays"]

_TYPES = ("?", "u1", "i1", "u2", ">i2", "i4", "u4", "i8", "u8", "f2", "f4", ">f4", "f8", "g")
_ODD_TYPES = ("c8", "O", "S3", "U3", "M8[s]", "m8[s]", "V4", "i4,f4")
_SIDES = (0, 1, 2, 15, 16, 17, 20, 24)


def try_arrays(random: Random) -> None:
    """Make a pair of two arrays, and begin a fit with it."""
    shape = (int(pick(random, _SIDES[-4:])), int(pick(random, _SIDES[-4:])))
    first, last = (_some_image(random, shape) for _ in range(2))
    options: dict[str, Any] = {}
    if random.random() < 0.15:
        options["channel_axis"] = _some_axis(random)
    if random.random() < 0.1:
        options["channel_axis_last"] = _some_axis(random)
    if random.random() < 0.3:
        options[str(pick(random, ("mask_first", "mask_last")))] = _some_mask(random, shape)
    what = random.integers(8)
    if what == 0:
        Geometry.from_pixel_size(*(some_value(random, 1) for _ in range(3)))
        return
    if what in (1, 2):
        known = {"preset": some_text(random)} if random.random() < 0.2 else {}
        if random.random() < 0.5:
            known |= {"pixel_size": some_value(random, 1), "units": some_value(random, 1)}
        changes = some_changes(random) if random.random() < 0.4 else {}
        with contextlib.suppress(Stopped):
            fit_pair(first, last, should_stop=lambda: True, **known, **options, **changes)
        return
    settings = Settings()
    if random.random() < 0.2:
        settings = settings.updated({"images.channel": pick(random, (None, 0, 1, 2, 99))})
    if random.random() < 0.5:
        settings = settings.updated({"images.missing_value": pick(random, (0, -1, 1e30, 255))})
    axes = [options.get("channel_axis"), options.get("channel_axis_last")]
    masks = [options.get("mask_first"), options.get("mask_last")]
    pair = Observations.from_arrays(
        first, last, settings=settings.images, channel_axis=axes, masks=masks
    )
    for image in pair.normalised():
        assert np.isfinite(image).all(), "the images are not finite"
    ends = pair.normalised()
    if pair.brightness is None:
        assert np.isfinite(pair.denormalise(ends, (0.0, 1.0))).all(), "the frames are not finite"


def _some_axis(random: Random) -> Any:
    return pick(random, (0, 1, 2, -1, -3, 3, 99, -99, 0.5, "0", None, True, [0]))


def _some_image(random: Random, shape: tuple[int, ...]) -> Any:
    what = random.random()
    if what < 0.02:
        return some_value(random)
    if what < 0.05:
        rows = random.normal(size=shape).tolist()
        rows[int(random.integers(len(rows)))] = pick(random, ([], [1.0], None, "row", 3))
        return rows
    if what < 0.1:
        shape = tuple(int(pick(random, _SIDES)) for _ in range(int(random.integers(5))))
    elif what < 0.2:
        channels = (int(pick(random, (1, 2, 3, 4))),)
        shape = (*shape, *channels) if random.random() < 0.5 else (*channels, *shape)
    with np.errstate(all="ignore"):
        values = random.normal(size=shape) * pick(random, (1.0, 1.0, 1e2, 1e30, 1e300, 1e-300, 0.0))
        values = values + pick(random, (0.0, 0.0, 1.0, 1e6, 1e12, 1e300))
        values = values * pick(random, (1.0, 1.0, 1.0, 1e30))
        kind = pick(random, _TYPES if random.random() < 0.95 else _ODD_TYPES)
        image = _as_type(values, kind)
    if image.size and image.dtype.kind == "f" and random.random() < 0.4:
        with np.errstate(all="ignore"):
            chosen = random.random(shape) < pick(random, (0.01, 0.3, 1.0))
            image[chosen] = float(
                pick(random, [n for n in WILD_NUMBERS if abs(n) < 10**300 or n != n])
            )
    if random.random() < 0.1:
        return np.ma.array(image, mask=random.random(shape) < pick(random, (0.0, 0.2, 1.0)))
    if random.random() < 0.1:
        return image.tolist()
    return image[::-1] if image.ndim and random.random() < 0.1 else image


def _as_type(values: Any, kind: str) -> Any:
    dtype = np.dtype(kind)
    if dtype.kind in "MmVO" or dtype.names:
        return np.zeros(np.shape(values), dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        values = np.clip(np.nan_to_num(values), max(limits.min, -1e9), min(limits.max, 1e9))
    return np.asarray(values).astype(dtype)


def _some_mask(random: Random, shape: tuple[int, ...]) -> Any:
    if random.random() < 0.2:
        return some_value(random)
    mask = random.random(shape) < pick(random, (0.0, 0.1, 0.9, 1.0))
    return pick(
        random, (mask, mask[:-1], mask.astype(float), mask.tolist(), mask.sum(), mask[None])
    )
