"""Image files with flipped, cut and repeated bytes, under right and wrong names."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from napari.layers import Layer
from tests.fuzz.values import Random, mutate_bytes, pick, some_text

from napari_latentdyn.core.observations.images import read_image, read_mask, read_stack
from napari_latentdyn.viewer.image_reader import get_image_reader

__all__ = ["make_images", "try_images"]

_PICKED = ("", "", "", ":0", ":-1", ":99", ":t=0", ":t=0,z=1", ":c=1", ":ice", ":ice,time=0", ":")
_SUFFIXES = (".tif", ".png", ".nc", ".jpg", ".gif", ".vrt", ".img", ".zarr", ".h5", "", ".TIFF")


def make_images(folder: Path) -> None:
    """Write files of all formats, for `try_images` to break."""
    import imageio.v3 as imageio
    import rasterio
    import xarray as xr

    random = np.random.default_rng(0)
    grey = random.integers(0, 255, (20, 24), np.uint8)
    colours = random.integers(0, 255, (20, 24, 3), np.uint8)
    real = random.normal(size=(20, 24)).astype(np.float32)
    stack = random.integers(0, 4000, (2, 3, 20, 24), np.uint16)
    folder.mkdir()
    for compression in (None, "zlib", "lzw", "packbits", "zstd"):
        tifffile.imwrite(folder / f"grey-{compression}.tif", grey, compression=compression)
    tifffile.imwrite(folder / "predicted.tif", real, compression="zlib", predictor=True)
    tifffile.imwrite(folder / "tiled.tif", np.tile(real, (4, 4)), tile=(32, 32))
    tifffile.imwrite(folder / "colours.tif", colours, photometric="rgb")
    tifffile.imwrite(folder / "big.tif", real, bigtiff=True)
    tifffile.imwrite(folder / "order.tif", real, byteorder=">")
    tifffile.imwrite(
        folder / "stack.ome.tif",
        stack,
        metadata={"axes": "TZYX", "PhysicalSizeX": 0.2, "PhysicalSizeXUnit": "µm"},
    )
    tifffile.imwrite(folder / "imagej.tif", stack, imagej=True, metadata={"axes": "TZYX"})
    for suffix in ("png", "jpg", "gif", "bmp"):
        imageio.imwrite(folder / f"colours.{suffix}", colours)
    imageio.imwrite(folder / "deep.png", stack[0, 0])
    profile = {"driver": "GTiff", "width": 24, "height": 20, "count": 2, "dtype": "float32"}
    place = rasterio.Affine(40, 0, 400000, 0, -40, 7000000)
    with rasterio.open(
        folder / "place.tif", "w", **profile, crs="EPSG:32633", transform=place, nodata=-9999
    ) as file:
        file.write(np.stack([real, real]))
        file.scales, file.offsets = (0.1, 0.1), (5.0, 5.0)
    data = xr.Dataset(
        {"ice": (("time", "y", "x"), random.normal(size=(2, 20, 24)).astype(np.float32))},
        {"time": [0.0, 6.0], "y": np.arange(20.0), "x": np.arange(24.0)},
    )
    data.ice.attrs = {"units": "1", "_FillValue": np.float32(-1), "scale_factor": 0.5}
    data.x.attrs = data.y.attrs = {"units": "km"}
    data.time.attrs = {"units": "hours since 2020-01-01"}
    data.to_netcdf(folder / "four.nc", engine="netcdf4")
    data.to_netcdf(folder / "three.nc", engine="netcdf4", format="NETCDF3_CLASSIC")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.to_zarr(folder / "store.zarr")


def try_images(random: Random, folder: Path, made: Path) -> None:
    """Break a file and read it, as an image, a mask or a stack."""
    chosen = Path(pick(random, sorted(made.iterdir())))
    broken = folder / chosen.name
    if chosen.is_dir():
        shutil.copytree(chosen, broken)
        inner = Path(pick(random, sorted(path for path in broken.rglob("*") if path.is_file())))
        inner.write_bytes(mutate_bytes(random, inner.read_bytes()))
    else:
        content = mutate_bytes(random, chosen.read_bytes())
        if random.random() < 0.1:
            other = Path(pick(random, sorted(p for p in made.iterdir() if p.is_file())))
            content = content[: int(random.integers(200))] + other.read_bytes()[100:]
        if random.random() < 0.1:
            broken = broken.with_suffix(str(pick(random, _SUFFIXES)))
        broken.write_bytes(content)
    picked = str(pick(random, _PICKED)) if random.random() < 0.95 else f":{some_text(random)}"
    if random.random() < 0.3:
        reader = get_image_reader(str(broken))
        for data, meta, layer_type in reader(str(broken)) if reader is not None else ():
            Layer.create(data, meta, layer_type)
        return
    read: Any = pick(random, (read_image, read_image, read_stack, read_mask))
    found = read(f"{broken}{picked}")
    array = found if isinstance(found, np.ndarray) else found.array
    assert array.dtype.kind in "buifc", f"the image is of type {array.dtype}"
