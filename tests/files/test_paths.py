"""What is said of names that cannot be used."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import dynamics_of

from napari_latentdyn.errors import RunFolderError, SettingsError
from napari_latentdyn.files.atomic import replace_file, replace_folder, write_text
from napari_latentdyn.files.paths import (
    absolute,
    check_writable,
    exists,
    input_file,
    input_folder,
    named,
    output_path,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="names of POSIX systems")


def fails(function, path, says, **kwargs):
    with pytest.raises(SettingsError, match=says) as caught:
        function(path, SettingsError, **kwargs)
    sentence = str(caught.value)
    assert len(sentence) < 300
    assert sentence.isprintable()
    assert sentence.count(". ") == 0


@posix
def test_each_kind_has_its_sentence(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    (tmp_path / "file").write_text("text")
    os.mkfifo(tmp_path / "pipe")
    for function in (input_file, input_folder, output_path):
        fails(function, "", "is empty; give a name")
        fails(function, "a\0b", r"a\?b has a NUL byte")
        fails(function, "a\ud800", "characters that no file name can have")
        fails(function, "~nobody-has-this-name", "the home folder of ~nobody")
        fails(function, tmp_path / ("x" * 256), "is too long; choose a shorter one")
        fails(function, tmp_path / "loop" / "a", "symbolic links form a loop")
    for name in ("gone", "nothing", "file/below"):
        fails(input_file, tmp_path / name, "there is no file .*/(gone|nothing|file/below)")
        fails(input_folder, tmp_path / name, "there is no folder .*; give a folder")
        assert output_path(tmp_path / name, SettingsError) == tmp_path / name
    fails(input_file, tmp_path, "is a folder; give a file")
    assert input_file(tmp_path, SettingsError, folder=True) == tmp_path
    for function in (input_file, output_path):
        fails(function, tmp_path / "pipe", "is a pipe")
        fails(function, "/dev/null", "is a device")
    assert input_file(tmp_path / "file", SettingsError) == tmp_path / "file"
    assert input_folder(tmp_path, SettingsError) == tmp_path


def test_a_name_stays_as_it_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a").write_text("text")
    assert input_file("a", SettingsError) == Path("a")
    assert absolute("a", SettingsError) == tmp_path / "a"
    assert exists("a")
    assert not exists("b\0")
    assert not exists("x" * 10_000)


@pytest.mark.parametrize("folder", [True, False])
def test_nothing_is_left_of_a_trial(tmp_path, folder):
    (tmp_path / "file").write_text("text")
    check_writable(tmp_path / "a" / "b" / "c", SettingsError, folder=folder)
    check_writable(tmp_path / "file", SettingsError, folder=folder)
    for name in ("x" * 256, "x" * 256 + "/a", "/".join(["x" * 200] * 30)):
        fails(check_writable, tmp_path / name, "too long", folder=folder)
    fails(check_writable, tmp_path / "file" / "a", "cannot be written", folder=folder)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_long_names_are_told_in_short():
    assert named("a/b") == "a/b"
    assert named("a\nb\x1b[0m\u202e\ud800") == "a b?[0m??"
    told = named("start" + "x" * 10_000 + "end")
    assert len(told) <= 200
    assert told.startswith("start")
    assert told.endswith("end")


@posix
@pytest.mark.parametrize("name", ["x" * 255, "海" * 85, "a" * 200 + "." + "b" * 54, "a.b.ome.tif"])
def test_hidden_names_are_never_too_long(tmp_path, name):
    with replace_folder(tmp_path / name, (), OSError, "it") as files:
        write_text(files.path("a"), "text")
        assert [path.name[:3] for path in tmp_path.iterdir()] == ["." + name[:2]]
    assert (tmp_path / name / "a").read_text() == "text"
    (tmp_path / "files").mkdir()
    with replace_file(tmp_path / "files" / name, OSError, "it") as file:
        write_text(file, "text")
        assert file.name.endswith(".ome.tif") == name.endswith(".ome.tif")
    assert [path.name for path in (tmp_path / "files").iterdir()] == [name]


@posix
@pytest.mark.parametrize("name", ["x" * 256, "loop/a", "a\0b", "\ud800", "pipe", "", "~nobody-x/a"])
def test_a_result_is_saved_or_refused_in_one_sentence(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    os.mkfifo("pipe")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RunFolderError):
        dynamics_of(np.zeros((2, 4, 4), np.float32), np.zeros((1, 2, 4, 4), np.float32)).save(name)
    assert sorted(tmp_path.iterdir()) == before
