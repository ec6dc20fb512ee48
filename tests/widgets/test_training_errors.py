"""Errors of training and rendering are told, and what was found before stays."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from qtpy.QtWidgets import QPushButton
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import (
    FakeFit,
    control,
    failed,
    made,
    put,
    run,
    status,
)

from napari_latentdyn.errors import FitError, OutOfMemoryError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("mat1 and mat2 cannot be multiplied"), "cannot be multiplied"),
        (ValueError("bad value\nsecond line. Third."), "bad value"),
        (KeyError(), "KeyError"),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
            "smaller patch size",
        ),
        (MemoryError(), "smaller patch size"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
            "smaller patch size",
        ),
        (OutOfMemoryError("the memory of the GPU is too small."), "memory of the GPU"),
        (FitError("the loss became NaN after 3 steps; lower the learning rate."), "lower the"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_errors_of_the_training(
    open_form: Open, images: Images, qtbot: Any, error: BaseException, words: str
) -> None:
    fake = FakeFit(error=error)
    viewer, panel = open_form(*images, fit=fake)
    run(qtbot, panel)
    assert words in failed(panel)
    assert made(viewer, "frames") == []


def test_training_again_after_an_error(open_form: Open, images: Images, qtbot: Any) -> None:
    fake = FakeFit(error=RuntimeError("no"))
    viewer, panel = open_form(*images, fit=fake)
    run(qtbot, panel)
    failed(panel)
    fake.error = None
    run(qtbot, panel)
    assert status(panel)[0].startswith("Done")
    assert len(made(viewer, "frames")) == 1


@pytest.mark.parametrize("problem", [RuntimeError("no"), OutOfMemoryError("Full.")])
def test_errors_of_the_rendering_keep_what_was_learned(
    open_form: Open, images: Images, qtbot: Any, problem: Exception
) -> None:
    fake = FakeFit(problem=problem)
    _, panel = open_form(*images, fit=fake)
    run(qtbot, panel)
    failed(panel)
    fake.problem = None
    put(panel, {"training.steps": 6})
    assert control(panel, "train", QPushButton).text() == "Continue"
    run(qtbot, panel)
    assert fake.calls[1][2] == 4
    assert status(panel)[0].startswith("Done")


def test_an_error_while_continuing_keeps_the_result_before(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    fake = FakeFit()
    viewer, panel = open_form(*images, fit=fake)
    run(qtbot, panel)
    put(panel, {"training.steps": 8})
    fake.error, fake.error_at = RuntimeError("no"), 6
    run(qtbot, panel)
    failed(panel)
    assert len(made(viewer, "frames")) == 1
    assert control(panel, "save", QPushButton).isEnabled()
    assert control(panel, "train", QPushButton).text() == "Continue"
