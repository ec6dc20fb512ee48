"""Command lines that are wrong, or quick to answer."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from pathlib import Path

from tests.fuzz.settings import some_name, some_settings_text
from tests.fuzz.values import Random, pick, some_text

from napari_latentdyn.cli import main
from napari_latentdyn.cli.export import option_flags
from napari_latentdyn.cli.flags import flag_of
from napari_latentdyn.export import FORMATS
from napari_latentdyn.settings import iter_fields

__all__ = ["try_commands"]

_FLAGS = [flag for name, _ in iter_fields() if (flag := flag_of(name)) is not None]
_FORMATS = ("csv", "script", "tracks", "ome-tiff", ".tif", ".nc", "mp4", "figure", "x", "")
_EXPORT_FLAGS = {
    form.name: [flag for flag, (_, takers) in option_flags().items() if form in takers]
    for form in FORMATS
}


def try_commands(random: Random, folder: Path, made: Path) -> str:
    """Run a command; all that it may write lies in the folder."""
    for name in ("a.tif", "b.tif"):
        shutil.copy(made / name, folder)
    shutil.copytree(made / "run", folder / "run")
    (folder / "s.json").write_bytes(some_settings_text(random))
    argv = _some_command(random)
    before = Path.cwd()
    out, told = io.StringIO(), io.StringIO()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
            try:
                code = main(argv)
            except SystemExit as left:
                code = left.code
    finally:
        os.chdir(before)
    text = told.getvalue()
    assert "Traceback" not in text, text
    if code == 0:
        # Names that are no UTF-8 go back to the system as they came.
        out.getvalue().encode("utf-8", "surrogateescape")
        return ""
    assert code == 2, f"exit code {code} of {argv}: {text[-300:]}"
    sentence = text.rstrip("\n").rpartition("\n")[2]
    assert sentence.startswith("napari-latentdyn: "), f"{argv} said {text[-300:]!r}"
    return sentence.removeprefix("napari-latentdyn: ")


def _some_command(random: Random) -> list[str]:
    what = int(random.integers(20))
    if what == 0:
        return [some_text(random) for _ in range(int(random.integers(4)))]
    if what == 1:
        return ["info", *_noise(random, 0.5)]
    if what in (2, 3, 12, 13, 14):
        run = "run" if random.random() < 0.8 else _some_path(random)
        return ["export", run, *_output(random), *_export_flags(random)]
    if what in (4, 15):
        run = "run" if random.random() < 0.8 else _some_path(random)
        times = _flag(random, ("--times", "--frames", "--device", "-o"))
        return ["apply", run, *times, *_noise(random, 0.1)]
    if what in (5, 16):
        return ["run", "--resume", _some_path(random), *_settings(random), *_noise(random, 0.3)]
    if what in (6, 17):
        methods = ["--methods", some_text(random)] if random.random() < 0.6 else []
        truth = ["--truth", _some_path(random)] if random.random() < 0.4 else []
        truth += ["--truth-times", some_text(random)] if random.random() < 0.3 else []
        images = _some_pair(random)
        return ["compare", *images, *_output(random), *methods, *truth, *_settings(random)]
    if what == 7:
        return ["demo", "--no-view", *_output(random), "--preset", f"x{some_text(random)}"]
    mask = ["--mask", _some_path(random), _some_path(random)] if random.random() < 0.2 else []
    file = ["--settings", _some_path(random, ("s.json",))] if random.random() < 0.3 else []
    preset = ["--preset", some_text(random)] if random.random() < 0.1 else []
    extra = [*mask, *file, *preset, *_settings(random), *_noise(random, 0.2)]
    return ["run", *_some_pair(random), *_output(random), *extra]


def _some_pair(random: Random) -> list[str]:
    # One of them is missing or wrong, so that no training begins.
    good = str(pick(random, ("a.tif", "b.tif", "a.tif:0")))
    bad = str(
        pick(random, ("a.tif:7", "b.tif:t=3", "none.tif", "run", some_text(random), "s.json"))
    )
    return [good, bad] if random.random() < 0.5 else [bad, good]


def _some_path(random: Random, good: tuple[str, ...] = ("run", "a.tif", "s.json")) -> str:
    if random.random() < 0.5:
        return str(pick(random, good))
    return str(
        pick(
            random, ("none", "/dev/null", ".", "", "run/report.json", "x/" * 500, some_text(random))
        )
    )


def _output(random: Random) -> list[str]:
    if random.random() < 0.1:
        return []
    outputs = ("out", "out.csv", "out.tif", "out.nc", "a.tif", "run", "", "/dev/null/x", "out/a/b")
    name = str(pick(random, outputs)) if random.random() < 0.7 else some_text(random)
    overwrite = ["--overwrite"] if random.random() < 0.3 else []
    # Nothing is written outside of the folder.
    return [
        "-o",
        "out" if name.startswith(("/", "~", "..")) and len(name) < 3 else name,
        *overwrite,
    ]


def _export_flags(random: Random) -> list[str]:
    times = _flag(random, ("--times", "--frames", "--device"))
    if random.random() < 0.3:
        return ["--to", str(pick(random, _FORMATS)), *times]
    name = str(pick(random, list(_EXPORT_FLAGS)))
    known = _EXPORT_FLAGS[name] or ["--spacing"]
    option = _flag(random, tuple(known))
    if option and option[0] == "--limits":
        option.append(str(pick(random, ("0", "1", "nan", "x"))))
    return ["--to", name, *option, *(times if random.random() < 0.4 else [])]


def _flag(random: Random, flags: tuple[str, ...]) -> list[str]:
    if random.random() < 0.3:
        return []
    values = ("0.5", "0,0.5,1", "3", "0", "-1", "0.2,nan", "cpu", "1e9", "2,", "999999999999")
    values = (*values, some_text(random))
    return [str(pick(random, flags)), str(pick(random, values))]


def _settings(random: Random) -> list[str]:
    flags: list[str] = []
    for _ in range(int(random.integers(3))):
        if random.random() < 0.4:
            name = some_name(random)
            flags += ["--set", f"{name}={some_text(random)}" if random.random() < 0.9 else name]
        else:
            flags += [str(pick(random, _FLAGS)), some_text(random)]
    return flags


def _noise(random: Random, share: float) -> list[str]:
    return [some_text(random)] if random.random() < share else []
