"""Names that the system refuses: one sentence before the work begins, or the work is done."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import sys
import tempfile
from pathlib import Path

import pytest
from tests.conftest import dynamics_of

from napari_latentdyn.core.dynamics.result import Dynamics

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="names of POSIX systems")

BAD = ["long", "long inside", "endless", "nul", "surrogate", "empty", "nobody", "loop"]
BAD += ["below file"]
_ = [
    "long",
    "long inside",
    "endless",
    "nul",
    "surrogate",
    "empty",
    "nobody",
    "loop",
    "below file",
]
INPUTS = [*BAD, "pipe", "socket", "device", "missing"]


def bad_path(kind: str, folder: Path) -> str:
    """Return a name of a kind in a folder, and make there what it needs."""
    if kind == "loop":
        (folder / "a").symlink_to(folder / "b")
        (folder / "b").symlink_to(folder / "a")
    elif kind == "below file":
        (folder / "file").write_text("")
    elif kind == "pipe":
        os.mkfifo(folder / "pipe")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(folder / "socket"))
    names = {
        "long": folder / ("x" * 256),
        "long inside": folder / ("海" * 100) / "out",
        "endless": folder / "/".join(["y" * 100] * 50),
        "nul": f"{folder}/a\0b",
        "surrogate": f"{folder}/a\ud800b",
        "empty": "",
        "nobody": "~nobody-has-this-name/out",
        "loop": folder / "a" / "out",
        "below file": folder / "file" / "out",
        "device": "/dev/zero",
    }
    return str(names.get(kind, folder / kind))


@pytest.fixture(params=INPUTS)
def source(request, tmp_path) -> str:
    return bad_path(request.param, tmp_path)


@pytest.fixture(params=[*BAD, "pipe", "device"])
def target(request, tmp_path) -> str:
    return bad_path(request.param, tmp_path)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A run folder."""
    import numpy as np

    frames, velocity = np.zeros((3, 8, 8), np.float32), np.zeros((2, 2, 8, 8), np.float32)
    return dynamics_of(frames, velocity, {"steps": 0}).save(tmp_path / "run")


@pytest.fixture
def no_work(monkeypatch):
    """Nothing may be learned, and nothing exported."""

    def work(*_: object, **__: object) -> None:
        raise AssertionError("the work began")

    monkeypatch.setattr("napari_latentdyn.core.training.fit.fit", work)
    monkeypatch.setattr("napari_latentdyn.cli.runs.learn", work)
    monkeypatch.setattr("napari_latentdyn.cli.compare._one", work)
    monkeypatch.setattr("napari_latentdyn.core.dynamics.fitted.Fitted.read", work)
    monkeypatch.setattr("napari_latentdyn.export.tables.np.savetxt", work)


def refused(answer, before, tmp_path):
    assert answer.code == 2
    sentence = answer.sentence()
    assert len(sentence) < 400
    assert sentence.isprintable()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("command", ["run", "compare", "demo", "apply", "resume", "export"])
def test_targets(call, pair, folder, tmp_path, tiny, target, command):
    before = sorted(tmp_path.rglob("*"))
    arguments = {
        "run": ("run", *pair, *tiny),
        "compare": ("compare", *pair, "--methods", "dissolve"),
        "demo": ("demo", "--no-view", *tiny),
        "apply": ("apply", folder, "--frames", 2),
        "resume": ("run", "--resume", folder, "--steps", 5),
        "export": ("export", folder, "--to", "csv"),
    }[command]
    refused(call(*arguments, "-o", target), before, tmp_path)
    refused(call(*arguments, "-o", target, "--overwrite"), before, tmp_path)


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    "command", ["first", "last", "mask", "truth", "apply", "resume", "export", "settings", "start"]
)
def test_sources(call, pair, tmp_path, source, command):
    before = sorted(tmp_path.rglob("*"))
    arguments = {
        "first": ("run", source, pair[1], "-o", tmp_path / "out"),
        "last": ("run", pair[0], f"{source}:3" if source else "", "-o", tmp_path / "out"),
        "mask": ("run", *pair, "-o", tmp_path / "out", "--mask", pair[0], source),
        "truth": ("compare", *pair, "-o", tmp_path / "out", "--truth", source),
        "apply": ("apply", source, "--frames", 2),
        "resume": ("run", "--resume", source),
        "export": ("export", source, "-o", tmp_path / "a.csv"),
        "settings": ("run", *pair, "-o", tmp_path / "out", "--settings", source),
        "start": ("run", *pair, "-o", tmp_path / "out", "--start-from", source),
    }[command]
    refused(call(*arguments), before, tmp_path)


@pytest.mark.parametrize("length", [200, 241, 242, 243, 245, 250, 254, 255])
def test_long_names_that_the_system_takes(call, folder, tmp_path, length):
    file = tmp_path / ("y" * (length - 4) + ".csv")
    assert call("export", folder, "-o", file, "-q").code == 0
    assert call("export", folder, "-o", file, "-q", "--overwrite").code == 0
    assert sorted(tmp_path.iterdir()) == sorted([folder, file])
    several = tmp_path / ("海" * (length // 3))
    assert call("export", folder, "--to", "csv,nc", "-o", several, "-q").code == 0
    assert len(list(several.iterdir())) == 2


def test_a_run_into_the_longest_name(call, pair, tmp_path, tiny):
    out = tmp_path / ("z" * 255)
    assert call("run", *pair, "-o", out, *tiny, "-q").code == 0
    assert call("run", *pair, "-o", out, *tiny, "-q", "--overwrite").code == 0
    assert len(Dynamics.load(out).frames()) == 3
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [out.name]


@pytest.mark.usefixtures("no_work")
def test_a_device_is_never_replaced(call, folder):
    before = Path("/dev/null").stat()
    for flags in ((), ("--overwrite",)):
        answer = call("export", folder, "--to", "csv", "-o", "/dev/null", *flags)
        assert answer.code == 2
        assert "is a device" in answer.sentence()
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert Path("/dev/null").stat().st_ino == before.st_ino


@pytest.fixture
def forbidden():
    """A folder that may not be entered, as it is for a user who is not root."""
    parent = Path(tempfile.mkdtemp())
    parent.chmod(0o755)
    folder = parent / "forbidden"
    folder.mkdir(mode=0o700)
    (folder / "inside").mkdir()
    (folder / "file.json").write_text("{}")
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    else:
        folder.chmod(0)
    yield folder
    if user == 0:
        os.seteuid(0)
    folder.chmod(0o700)
    shutil.rmtree(parent)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("place", ["", "out", "inside", "inside/out", "file.json/out"])
def test_a_target_in_a_folder_that_may_not_be_entered(call, forbidden, place):
    for command in (("demo", "--no-view"), ("demo", "--no-view", "--overwrite")):
        answer = call(*command, "-o", forbidden / place)
        assert answer.code == 2
        assert "no permission" in answer.sentence()


@pytest.mark.usefixtures("no_work")
def test_a_source_in_a_folder_that_may_not_be_entered(call, forbidden):
    for command in (
        ("run", forbidden / "file.json", "b.tif", "-o", "out"),
        ("run", forbidden, "b.tif", "-o", "out"),
        ("apply", forbidden / "inside", "--frames", "2"),
        ("apply", forbidden, "--frames", "2"),
        ("run", "--resume", forbidden / "inside"),
        ("export", forbidden / "inside", "-o", "a.csv"),
        ("run", "a.tif", "b.tif", "-o", "out", "--settings", forbidden / "file.json"),
        ("run", "a.tif", "b.tif", "-o", "out", "--start-from", forbidden / "inside"),
    ):
        answer = call(*command)
        assert answer.code == 2
        assert "no permission" in answer.sentence()
