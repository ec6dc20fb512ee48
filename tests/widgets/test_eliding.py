"""Choosers show where long names differ, and tell the whole name as a tooltip."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import QEvent
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import QApplication, QToolTip
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import control

from napari_latentdyn.widgets.editors import ChoiceBox

SERIES = [f"sea ice off the northern shore 2020-03-0{day} 08:3{day}" for day in (1, 2)]


@pytest.fixture
def box(qtbot: Any) -> ChoiceBox:
    made = ChoiceBox(SERIES)
    qtbot.addWidget(made)
    made.resize(170, 26)
    made.setToolTip("Image layer of the earlier time.")
    made.show()
    return made


def test_names_that_differ_at_their_end_are_told_apart(box: ChoiceBox) -> None:
    texts, pictures = [], []
    for name in SERIES:
        box.setValue(name)
        texts.append(box.shown_text())
        pictures.append(box.grab().toImage())
    assert all("…" in text for text in texts)
    assert [text[-5:] for text in texts] == ["08:31", "08:32"]
    assert all(text.startswith("sea") for text in texts)
    assert pictures[0] != pictures[1]
    box.resize(600, 26)
    assert box.shown_text() == SERIES[1]


def test_a_name_that_is_cut_is_told_as_a_whole(
    box: ChoiceBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda _, text, *__: told.append(text))
    middle = box.rect().center()
    help_asked = QHelpEvent(QEvent.Type.ToolTip, middle, box.mapToGlobal(middle))
    QApplication.sendEvent(box, help_asked)
    assert SERIES[0] in told[0]
    assert "Image layer of the earlier time." in told[0]


def test_the_window_tells_images_of_one_series_apart(
    open_window: Open, images: Images, qtbot: Any
) -> None:
    viewer, panel = open_window(*images)
    for layer, name in zip(viewer.layers, SERIES, strict=False):
        layer.name = name
    boxes = [control(panel, name) for name in ("first_image", "last_image")]
    for chooser in boxes:
        chooser.setFixedWidth(150)
    qtbot.waitUntil(lambda: all(chooser.width() == 150 for chooser in boxes))
    first, last = (chooser.shown_text() for chooser in boxes)
    assert first != last
