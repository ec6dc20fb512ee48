"""The commands `demo` and `info`."""

from __future__ import annotations

from pathlib import Path

from napari_latentdyn.core.dynamics.result import Dynamics


def test_the_demo_runs_once(call, tmp_path, monkeypatch, tiny):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    out: Path = tmp_path / "demo"
    first = call("demo", "-o", out, *tiny, "--no-view")
    assert first.code == 0
    run = Dynamics.load(out)
    assert run.settings.images.interval == 23.0
    assert run.report.placement.scale == [100.0, 100.0]
    written = (out / "report.json").stat().st_mtime_ns
    again = call("demo", "-o", out, *tiny, "--no-view")
    assert again.code == 0
    assert again.out == first.out == f"{out}\n"
    assert "has run before" in again.err
    assert (out / "report.json").stat().st_mtime_ns == written
    other = call("demo", "-o", out, *tiny, "--no-view", "--seed", 3)
    assert other.code == 2
    assert "--overwrite" in other.sentence()


def test_the_demo_opens_napari_only_on_a_display(call, tmp_path, monkeypatch, tiny):
    opened = []
    monkeypatch.setattr("napari_latentdyn.cli.demo._show", opened.append)
    monkeypatch.setattr("napari_latentdyn.cli.demo.sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    answer = call("demo", "-o", tmp_path / "demo", *tiny)
    assert answer.code == 0
    assert "There is no display" in answer.err
    assert opened == []
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert call("demo", "-o", tmp_path / "demo", *tiny).code == 0
    assert opened == [tmp_path / "demo"]


def test_info_names_versions_and_devices(call):
    answer = call("info")
    assert answer.code == 0
    for word in ("napari-latentdyn", "torch", "napari", "device cpu"):
        assert word in answer.out
