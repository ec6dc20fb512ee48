"""Run folders, folders of layers and of comparisons with broken or hostile files."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.lib import format as npy
from tests.fuzz.settings import some_settings_text
from tests.fuzz.values import Random, mutate_bytes, mutate_data, pick, some_value, to_json

from napari_latentdyn.errors import Stopped, UserError

__all__ = ["make_folders", "try_folders"]

_KINDS = ("f4", "f8", ">f4", "i2", "?", "O", "S3", "U2", "c8", "M8[s]", "f4,i4", "f2", "g")
#: What is tried of a folder that can be opened is quick on images of this size.
SHAPE = (20, 24)


def make_folders(folder: Path) -> None:
    """Write a run, layers saved from a viewer and a comparison, for `try_folders` to break."""
    from rasterio.crs import CRS

    from napari_latentdyn.cli import main
    from napari_latentdyn.core.geometry.geometry import Geometry
    from napari_latentdyn.core.observations.observations import Observations
    from napari_latentdyn.core.training.fit import fit
    from napari_latentdyn.generators import drain
    from napari_latentdyn.settings import Settings
    from napari_latentdyn.viewer.layerfolder import write_layer_folder
    from napari_latentdyn.viewer.reader import read_folder

    random = np.random.default_rng(0)
    first = random.normal(size=SHAPE).astype(np.float32)
    last = np.roll(first, 1, axis=1)
    settings = Settings.preset("standard").updated(
        {
            "patches.size": (16, 16),
            "patches.stride": (16, 16),
            "model.stages": 2,
            "model.initial_fields": "extracted",
            "model.latent_channels": 1,
            "model.encoder_width": 1,
            "model.unet_width": 1,
            "model.extractor_width": 1,
            "training.steps": 1,
            "training.start_from": "scratch",
            "training.device": "cpu",
            "output.latents": True,
            "output.confidence": True,
        }
    )
    geo = {
        "crs_wkt": CRS.from_epsg(32633).to_wkt(),
        "transform": [40.0, 0, 1, 0, -40.0, 2],
        "units": "metre",
    }
    told = {"name": "a.tif", "shape": list(SHAPE), "dtype": "float32", "rgb": False, "geo": geo}
    place = Geometry(np.diag([2.0, 3.0, 1.0]), ("meter", "meter"))
    observations = Observations.from_arrays(first, last)
    observations = observations.described(place, [told, told | {"name": "b.tif"}])
    dynamics = drain(fit(observations, settings))
    dynamics.save(folder / "run")
    write_layer_folder(folder / "layers", read_folder(str(folder / "run")))
    for name, image in (("a.tif", first), ("b.tif", last)):
        tifffile.imwrite(folder / name, image)
    compared = ["compare", str(folder / "a.tif"), str(folder / "b.tif"), "-q"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert main([*compared, "-o", str(folder / "comparison"), "--methods", "dissolve"]) == 0


def try_folders(random: Random, folder: Path, made: Path) -> None:
    """Break a folder and open it in every way."""
    kind = str(pick(random, ("run", "run", "run", "layers", "comparison")))
    broken = folder / kind
    shutil.copytree(made / kind, broken)
    for _ in range(int(pick(random, (1, 1, 1, 2, 3)))):
        _break(random, broken)
    if random.random() < 0.85:
        _agree(broken)
    ways = _WAYS[kind]
    # All ways are independent: what one refuses another may take.
    for way in ways:
        try:
            way(broken)
        except (UserError, Stopped) as error:
            refused = error
        else:
            refused = None
    if refused is not None:
        raise refused


def _break(random: Random, folder: Path) -> None:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    if not files:
        return
    file = Path(pick(random, files))
    what = random.random()
    if what < 0.05:
        file.unlink()
    elif what < 0.1:
        other = Path(pick(random, files))
        content = file.read_bytes()
        file.write_bytes(other.read_bytes())
        other.write_bytes(content)
    elif what < 0.3:
        file.write_bytes(mutate_bytes(random, file.read_bytes()))
    elif file.name == "settings.json":
        file.write_bytes(some_settings_text(random))
    elif file.suffix == ".json":
        _break_json(random, file)
    elif file.suffix == ".npz":
        _break_archive(random, file)
    elif file.name.endswith(".safetensors"):
        _break_tensors(random, file)
    elif file.suffix == ".tif":
        _break_image(random, file)
    else:
        file.write_bytes(mutate_bytes(random, file.read_bytes()))


def _break_json(random: Random, file: Path) -> None:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return
    for _ in range(int(pick(random, (1, 1, 2, 4)))):
        data = mutate_data(random, data)
    file.write_bytes(to_json(data).encode("utf-8", "surrogatepass"))


def _some_member(random: Random, array: np.ndarray[Any, Any]) -> bytes:
    what = random.random()
    file = io.BytesIO()
    if what < 0.2:
        shape = some_value(random, 1) if random.random() < 0.5 else _some_shape(random)
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {to_json(shape)[:9000]}, }}\n"
        head = text.encode("utf-8", "replace")
        return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(64)
    if what < 0.6:
        kind = np.dtype(str(pick(random, _KINDS)))
        shape = array.shape if random.random() < 0.5 else _some_shape(random, 20)
        npy.write_array(file, np.zeros(shape, kind), allow_pickle=True)
    elif what < 0.8:
        values = np.array(array)
        if values.size and values.dtype.kind == "f":
            flat = values.reshape(-1)
            flat[int(random.integers(flat.size))] = pick(random, (np.nan, np.inf, 1e30, -1e30, 0))
        npy.write_array(file, values)
    else:
        npy.write_array(file, array)
        return mutate_bytes(random, file.getvalue())
    return file.getvalue()


def _some_shape(random: Random, largest: int = 2**40) -> tuple[int, ...]:
    sides = [n for n in (0, 1, 2, 3, 20, 24, 2**16, 2**31, 2**40) if n <= largest]
    shape = tuple(int(pick(random, sides)) for _ in range(int(random.integers(5))))
    return shape if largest > 100 else shape[:4]


def _break_archive(random: Random, file: Path) -> None:
    if random.random() < 0.1:
        np.save(file.with_suffix(".spare.npy"), np.zeros((2, 2)))
        file.with_suffix(".spare.npy").replace(file)
        return
    try:
        with np.load(file, allow_pickle=False) as arrays:
            members = {name: np.asarray(array) for name, array in arrays.items()}
    # Whatever an earlier change made of it.
    except Exception:  # noqa: BLE001
        return
    names = list(members)
    if not names:
        return
    content: dict[str, bytes] = {}
    for name, array in members.items():
        plain = io.BytesIO()
        npy.write_array(plain, array)
        content[name] = plain.getvalue()
    chosen, other = str(pick(random, names)), str(pick(random, names))
    what = random.random()
    if what < 0.1:
        content.pop(chosen)
    elif what < 0.2:
        content[chosen], content[other] = content[other], content[chosen]
    elif what < 0.9:
        content[chosen] = _some_member(random, members[chosen])
    compressions = (zipfile.ZIP_STORED,) * 5 + (8, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(file, "w", int(pick(random, compressions))) as out:
        for name, data in content.items():
            out.writestr(f"{name}.npy" if random.random() < 0.98 else name, data)


def _break_tensors(random: Random, file: Path) -> None:
    content = file.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8:start])
    except (ValueError, RecursionError):
        return
    name = str(pick(random, list(header)))
    what = random.random()
    if what < 0.2:
        header[name] = some_value(random)
    elif what < 0.4 and isinstance(header[name], dict):
        header[name]["dtype"] = pick(random, ("F16", "BF16", "I64", "F32", "F8_E4M3", "X", 3))
    elif what < 0.6 and isinstance(header[name], dict):
        header[name]["shape"] = pick(random, ([], [0], [2**40], [-1], [0.5], "3", [2**63, 0]))
    elif what < 0.7:
        other = str(pick(random, list(header)))
        header[name], header[other] = header[other], header[name]
    elif what < 0.8:
        header.pop(name)
    elif what < 0.9:
        data = bytearray(content)
        where = int(random.integers(start, len(data) - 4))
        data[where : where + 4] = np.float32(pick(random, (np.nan, np.inf, 1e38, 0.0))).tobytes()
        file.write_bytes(bytes(data))
        return
    else:
        header = mutate_data(random, header)
    text = to_json(header).encode("utf-8", "surrogatepass")
    file.write_bytes(len(text).to_bytes(8, "little") + text + content[start:])


def _break_image(random: Random, file: Path) -> None:
    shape = _some_shape(random, 24) or (3, *SHAPE)
    shape = shape if random.random() < 0.5 else (3, *SHAPE)
    array = np.zeros(shape, str(pick(random, ("f4", "f8", "u1", "u2", "c8", "f2"))))
    if not array.size:
        array = np.zeros((3, *SHAPE), np.float32)
    compression = pick(random, (None, None, "zlib", "lzw"))
    with contextlib.suppress(tifffile.OmeXmlError):
        tifffile.imwrite(file, array, compression=compression, ome=bool(random.random() < 0.5))


def _agree(folder: Path) -> None:
    """Let the report say the true lengths of the files, so that what is in them is looked at."""
    for name in ("report.json", "comparison.json"):
        try:
            report = json.loads((folder / name).read_text(encoding="utf-8"))
            sizes = {n: (folder / n).stat().st_size for n in report["files"] if n != name}
            report["files"] = sizes
            text = to_json(report)
        except (OSError, ValueError, KeyError, TypeError, RecursionError, AttributeError):
            continue
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))


def _read(folder: Path) -> None:
    from tests.folders import read_arrays, read_networks, read_observations

    from napari_latentdyn.core.runfolder.report import contents_of

    assert contents_of(folder) is None or isinstance(contents_of(folder), str)
    read_arrays(folder)
    read_networks(folder)
    read_observations(folder)


def _layers(folder: Path) -> None:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_latentdyn.viewer.reader import get_reader

    reader = get_reader(str(folder))
    viewer = ViewerModel()
    for data, meta, kind in reader(str(folder)) if reader is not None else ():
        viewer.add_layer(Layer.create(data, meta, kind))


def _compute(folder: Path) -> None:
    from napari_latentdyn.core.dynamics.result import Dynamics

    dynamics = Dynamics.load(folder)
    frames = dynamics.frames([0.5])
    assert np.isfinite(frames).all() or np.abs(dynamics.fields).max() > 1e9, "frames not finite"
    dynamics.deformation()


def _go_on(folder: Path) -> None:
    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.core.training.fit import fit

    dynamics = Dynamics.load(folder)
    changes = {"training.steps": min(dynamics.report.steps or 0, 10**6) + 1}
    settings = dynamics.settings.updated(changes | {"training.device": "cpu"})
    steps: list[int] = []
    for progress in fit(
        dynamics.observations,
        settings,
        resume=dynamics.fitted.checkpoint,
        should_stop=lambda: bool(steps),
    ):
        steps.append(progress.step)  # noqa: PERF401


def _start(folder: Path) -> None:
    from napari_latentdyn.core.training.prior import check_start
    from napari_latentdyn.settings import Settings

    check_start(Settings().updated({"training.start_from": str(folder)}))


def _export(folder: Path) -> None:
    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.export import export

    data = Dynamics.load(folder).to_xarray()
    for name in ("script", "csv", "ome-tiff", "geotiff", "netcdf", "tracks"):
        target = folder.parent / f"exported-{name}"
        try:
            export(data, target, name)
        except UserError:
            continue


def _compared(folder: Path) -> None:
    from napari_latentdyn.cli.comparison import is_comparison

    assert isinstance(is_comparison(folder), bool)


_WAYS: dict[str, tuple[Callable[[Path], None], ...]] = {
    "run": (_read, _layers, _compute, _go_on, _start, _export),
    "layers": (_read, _layers, _export),
    "comparison": (_compared, _layers),
}
