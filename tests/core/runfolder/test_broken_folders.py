"""Run folders that are broken or hostile: one sentence, and no memory taken for them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.folders import read_arrays, read_observations

from napari_latentdyn.core.runfolder.report import contents_of, read_report
from napari_latentdyn.errors import RunFolderError

Save = Callable[..., Path]


def refit(folder: Path) -> None:
    """Write the lengths of files into the report, so that only their content is wrong."""
    report = json.loads((folder / "report.json").read_text())
    report["files"] = {name: (folder / name).stat().st_size for name in report["files"]}
    (folder / "report.json").write_text(json.dumps(report))


def refusal(read: Callable[[Path], Any], folder: Path) -> str:
    with pytest.raises(RunFolderError) as error:
        read(folder)
    text = str(error.value)
    assert text.endswith((".", "?"))
    assert "\n" not in text
    assert len(text.replace(str(folder), "")) < 500
    return text


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def header(shape: str, dtype: str = "'<f4'") -> bytes:
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def archive(file: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(file, "w", compression) as out:
        for name, content in members.items():
            out.writestr(f"{name}.npy", content)


TIMES = npy(np.zeros(3))
BROKEN_VELOCITIES = {
    "bytes": npy(np.full((3, 2, 12, 16), b"abc")),
    "objects": npy(np.full((3, 2, 12, 16), None, dtype=object), allow_pickle=True),
    "complex": npy(np.zeros((3, 2, 12, 16), np.complex64)),
    "text": npy(np.full((3, 2, 12, 16), "a")),
    "records": npy(np.zeros((3, 2, 12, 16), [("a", "f4")])),
    "booleans": npy(np.zeros((3, 2, 12, 16), bool)),
    "negative shape": header("(3, 2, -12, -16)") + bytes(4608),
    "fractional shape": header("(3, 2, 12.5, 16)") + bytes(4608),
    "text in the shape": header("('3', 2, 12, 16)") + bytes(4608),
    "more than there is": header("(3, 2, 12, 160000000)") + bytes(4608),
    "less than there is": header("(3, 2, 12, 1)") + bytes(4608),
    "more digits than Python reads": header(f"({'9' * 9000}, 2, 12, 16)") + bytes(4608),
    "nested": header("(" * 4000) + bytes(4608),
    "no header": b"velocity",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", BROKEN_VELOCITIES)
def test_arrays_of_another_kind(tmp_path: Path, save: Save, kind: str) -> None:
    folder = save(tmp_path / "run")
    archive(folder / "fields.npz", {"velocity": BROKEN_VELOCITIES[kind], "times": TIMES})
    refit(folder)
    assert "velocity" in refusal(read_arrays, folder)


def test_a_plain_array_in_place_of_an_archive(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    (folder / "inputs.npz").write_bytes(npy(np.zeros((3, 2), np.float32)))
    refit(folder)
    assert "inputs.npz" in refusal(read_observations, folder)
    (folder / "fields.npz").write_bytes(npy(np.zeros((3, 2, 12, 16), np.float32)))
    refit(folder)
    assert "fields.npz" in refusal(read_arrays, folder)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99])
def test_archives_with_other_compression(tmp_path: Path, save: Save, compression: int) -> None:
    folder = save(tmp_path / "run")
    velocity = npy(np.zeros((3, 2, 12, 16), np.float32))
    known = compression if compression != 99 else zipfile.ZIP_STORED
    archive(folder / "fields.npz", {"velocity": velocity, "times": TIMES}, known)
    if compression == 99:
        content = (folder / "fields.npz").read_bytes()
        # The method of compression, in the record before each member and in the directory.
        content = content.replace(b"PK\x03\x04\x14\x00\x00\x00\x00", b"PK\x03\x04\x14\x00\x00\x00c")
        content = content.replace(
            b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x00\x00c"
        )
        (folder / "fields.npz").write_bytes(content)
    refit(folder)
    assert "compressed" in refusal(read_arrays, folder)


def test_swapped_files(tmp_path: Path, save: Save) -> None:
    latents = np.zeros((4, 2, 12, 16), np.float32)
    folder = save(tmp_path / "run", latents=latents, confidence=latents[:, 0])
    (folder / "latents.npz").rename(folder / "spare")
    (folder / "confidence.npz").rename(folder / "latents.npz")
    (folder / "spare").rename(folder / "confidence.npz")
    refit(folder)
    assert "'latents' is missing" in refusal(read_arrays, folder)


@pytest.mark.parametrize(
    ("name", "shape"), [("latents", (4, 2, 12, 15)), ("confidence", (3, 12, 16))]
)
def test_arrays_that_do_not_fit_the_frames(
    tmp_path: Path, save: Save, name: str, shape: tuple[int, ...]
) -> None:
    folder = save(tmp_path / "run", **{name: np.zeros((4, 2, 12, 16)[: len(shape)], np.float32)})
    np.savez(folder / f"{name}.npz", **{name: np.zeros(shape, np.float32)})
    refit(folder)
    assert f"'{name}' has shape {shape}" in refusal(read_arrays, folder)


def test_frames_of_another_kind(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    for wrong, words in (
        (np.zeros((4, 12, 15), np.float32), "shape (4, 12, 15)"),
        (np.zeros((4, 12, 16), np.uint16), "uint16"),
        (np.zeros((4, 12, 16), np.complex64), "complex64"),
    ):
        tifffile.imwrite(folder / "frames.ome.tif", wrong)
        refit(folder)
        assert words in refusal(read_arrays, folder)


def test_memory_is_not_taken_for_what_a_file_claims(tmp_path: Path, save: Save) -> None:
    """Members and pages of 190 MB in files of 200 kB are refused before they are unpacked."""
    members = {"fields.npz": "velocity", "inputs.npz": "images", "latents.npz": "latents"}
    names = [*members, "frames.ome.tif"]
    claimed = np.zeros((3, 2, 2000, 4000), np.float32)
    for name in names:
        folder = save(tmp_path / name, latents=np.zeros((4, 1, 12, 16), np.float32))
        if name in members:
            content = {members[name]: npy(claimed), "times": TIMES}
            archive(folder / name, content, zipfile.ZIP_DEFLATED)
        else:
            tifffile.imwrite(folder / name, claimed, compression="zlib")
        refit(folder)
        report = json.loads((folder / "report.json").read_text())
        report |= {"times": [0, 0.5, 1], "frames_shape": [3, 2, 2000, 4000]}
        if name in ("inputs.npz", "frames.ome.tif"):
            (folder / "report.json").write_text(json.dumps(report))
        assert (folder / name).stat().st_size < 1e6
    script = """
        import resource, sys
        import tifffile
        from tests.folders import read_arrays, read_observations
        from napari_latentdyn.errors import RunFolderError
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for folder in sys.argv[1:]:
            try:
                (read_observations if "inputs" in folder else read_arrays)(folder)
            except RunFolderError as error:
                print(str(error).replace(folder, ""))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *(str(tmp_path / n) for n in names)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    *sentences, taken = done.stdout.splitlines()
    assert len(sentences) == len(names)
    assert all("compressed" in sentence or "shape" in sentence for sentence in sentences)
    assert int(taken) < 50_000  # in KiB


BROKEN_REPORTS: dict[str, dict[str, Any]] = {
    "times.0": {"times": ["a", 0, 0, 1]},
    "times": {"times": {"0": 1}},
    "3 times for 4": {"times": [0, 0.5, 1]},
    "frames_shape.1": {"frames_shape": [4, -12, -16]},
    "frames_shape.2": {"frames_shape": [4, 12, 16.5]},
    "frames_shape": {"frames_shape": 12},
    "placement": {"placement": 5},
    "placement.scale": {"placement": {"scale": [1, 2, 3]}},
    "placement.affine.0": {"placement": {"affine": [[1, 2], [3, 4], [5, 6]]}},
    "no size": {"placement": {"scale": [0, 1]}},
    "placement.units.0": {"placement": {"units": [1, 2]}},
    "interval": {"interval": 3},
    "interval.value": {"interval": {"value": "6", "unit": "hour"}},
    "inputs.0": {"inputs": {"first": 7}},
    "inputs.0.dtype": {"inputs": {"first": {"dtype": "object"}}},
    "inputs.1.shape": {"inputs": [{}, {"shape": "12"}]},
    "inputs": {"inputs": 5},
    "observation_times": {"observation_times": [1, 0]},
    "times must lie between 0 and 1": {"times": [0, 0.5, 1, 1.5]},
    "steps": {"steps": "many"},
    "seconds": {"seconds": -1},
    "loss_history": {"loss_history": [1, 2]},
    "files": {"files": 3},
    "files./etc/passwd": {"files": {"/etc/passwd": 3}},
    "files.fields.npz": {"files": {"fields.npz": "big"}},
    "frames_complete": {"frames_complete": "yes"},
}


@pytest.mark.parametrize("where", BROKEN_REPORTS)
def test_reports_with_values_of_another_kind(tmp_path: Path, save: Save, where: str) -> None:
    folder = save(tmp_path / "run")
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps(report | BROKEN_REPORTS[where]))
    text = refusal(read_arrays, folder)
    assert "report.json" in text
    assert where in text


@pytest.mark.parametrize("name", ["report.json", "settings.json"])
@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"format_version":' * 100_000,
        '{"format_version": 1' + "0" * 5000 + "}",
        '{"format_version": 1, "name": "\\ud800"}',
        '{"format_version": 1e999}',
        "\ufeff{}",
        "null",
        "5",
        '"text"',
        "[]",
    ],
    ids=["lists", "mappings", "digits", "surrogate", "infinite", "mark", "null", "5", "text", "[]"],
)
def test_text_that_is_hard_to_read(tmp_path: Path, save: Save, name: str, text: str) -> None:
    folder = save(tmp_path / "run")
    (folder / name).write_text(text, encoding="utf-8")
    refusal(read_arrays, folder)
    if name == "report.json":
        refusal(read_report, folder)
        assert contents_of(folder) in ("run", None)


def test_integers_with_thousands_of_digits_have_no_traceback(tmp_path: Path, save: Save) -> None:
    folder = save(tmp_path / "run")
    report = json.loads((folder / "report.json").read_text())
    for name in ("steps", "seed", "frames_shape", "format_version", "seconds"):
        many = "9" * 4000
        text = json.dumps(report | {name: 10**9}).replace(
            f'"{name}": 1000000000', f'"{name}": {many}'
        )
        (folder / "report.json").write_text(text)
        refusal(read_arrays, folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("name", ["frames.ome.tif", "fields.npz", "settings.json", "report.json"])
def test_a_file_that_has_no_end_is_not_waited_for(
    tmp_path: Path, save: Save, name: str, kind: str
) -> None:
    folder = save(tmp_path / "run")
    (folder / name).unlink()
    if kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to("/dev/zero")
    if name != "report.json":
        refit(folder)
    assert contents_of(folder) == "run"
    assert len(refusal(read_arrays, folder)) < 500
