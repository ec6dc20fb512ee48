"""The start of a training: the prior, scratch, or a saved run."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QPushButton
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    FakeFit,
    choose,
    control,
    entries,
    idle,
    made,
    put,
    run,
    status,
    train_button,
)

from napari_latentdyn.core.training.fit import Progress, fit
from napari_latentdyn.core.training.prior import check_start
from napari_latentdyn.errors import SettingsError
from napari_latentdyn.settings import Settings
from napari_latentdyn.widgets.texts import sentence

START = "training.start_from"
A_RUN = "a saved run…"


def test_a_start_is_chosen_by_name_or_in_a_dialog(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path, answer: Any
) -> None:
    fake = FakeFit()
    _, panel = open_window(*images, fit=fake)
    box = control(panel, START, QComboBox)
    assert entries(panel, START) == ["prior", "scratch", A_RUN]
    choose(panel, START, "prior")
    assert box.value() == "prior"

    answer(tmp_path / "ice_run")
    choose(panel, START, A_RUN)
    assert box.value() == str(tmp_path / "ice_run")
    assert box.currentText() == "ice_run"
    assert str(tmp_path / "ice_run") in box.toolTip()
    assert entries(panel, START) == ["prior", "scratch", "ice_run", A_RUN]
    run(qtbot, panel)
    assert fake.calls[-1][1].training.start_from == str(tmp_path / "ice_run")

    choose(panel, START, "scratch")
    assert str(tmp_path) not in box.toolTip()
    choose(panel, START, "ice_run")
    assert box.value() == str(tmp_path / "ice_run")
    asked = answer(tmp_path / "other_run")
    choose(panel, START, A_RUN)
    assert asked == [str(tmp_path)], "the next one is likely to lie beside the last"
    assert entries(panel, START) == ["prior", "scratch", "other_run", A_RUN]
    assert control(panel, "preset", QComboBox).currentText() == "custom"


@pytest.mark.parametrize("before", ["prior", "scratch", "/runs/ice_run"])
def test_giving_the_dialog_up_keeps_the_start(
    open_window: Open, qtbot: Any, answer: Any, before: str
) -> None:
    _, panel = open_window(fit=FakeFit())
    put(panel, {START: before})
    box = control(panel, START, QComboBox)
    asked = answer("")
    told: list[int] = []
    box.edited.connect(lambda: told.append(1))
    qtbot.keyClick(box, Qt.Key.Key_End)
    assert len(asked) == 1
    assert box.value() == before
    assert box.currentText() == Path(before).name
    assert told == []


def test_a_start_comes_from_settings_and_goes_with_a_preset(
    open_window: Open, tmp_path: Path
) -> None:
    _, panel = open_window(fit=FakeFit())
    file = tmp_path / "settings.json"
    Settings().updated({START: str(tmp_path / "ice_run")}).to_json(file)
    form = panel.view.form
    form.set_value(Settings.from_json(file))
    box = control(panel, START, QComboBox)
    assert box.currentText() == "ice_run"
    assert form.value() == Settings.from_json(file)
    choose(panel, "preset", "paper")
    assert box.currentText() == "scratch"
    choose(panel, "preset", "accurate")
    assert box.currentText() == "prior"


def test_a_start_that_does_not_fit_is_told_and_nothing_is_lost(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path, answer: Any
) -> None:
    viewer, panel = open_window(*images)
    run(qtbot, panel)
    layers = list(viewer.layers)
    frames = made(viewer, "frames")[0].data
    (tmp_path / "notes").mkdir()
    answer(tmp_path / "notes")
    for how in (A_RUN, "prior"):
        choose(panel, START, how)
        assert train_button(panel).isEnabled(), "to look into it needs PyTorch"
        with pytest.raises(SettingsError) as told:
            check_start(panel.view.form.value())
        run(qtbot, panel)
        assert idle(panel)
        assert status(panel) == (sentence(str(told.value)), "error")
        assert list(viewer.layers) == layers
        assert made(viewer, "frames")[0].data is frames
        assert control(panel, "save", QPushButton).isEnabled()
        assert control(panel, "loss_plot").isHidden(), "there is nothing to be seen in it"
    put(panel, {START: "scratch", "training.steps": 6})
    assert train_button(panel).text() == "Continue"


def test_a_training_starts_from_a_saved_run(
    open_window: Open, images: Images, qtbot: Any, tmp_path: Path, answer: Any
) -> None:
    first = []

    def watched(*args: Any, **options: Any) -> Generator[Progress, None, Any]:
        dynamics = yield from fit(*args, **options)
        first.append(dynamics.report.steps)
        return dynamics

    _, panel = open_window(*images, fit=watched)
    run(qtbot, panel)
    answer(panel.save_run(tmp_path / "ice_run"))
    choose(panel, START, A_RUN)
    assert train_button(panel).text() == "Train", "another start is another training"
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done: 4 steps"), status(panel)
    assert first == [4, 4]
