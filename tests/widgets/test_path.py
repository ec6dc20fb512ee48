"""The way from the Train button to the arithmetic and back to the layers is short."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from napari.qt.threading import FunctionWorker
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import FakeFit, made, run

import napari_latentdyn
from napari_latentdyn.viewer import layers as making

_SOURCE = str(Path(napari_latentdyn.__file__).parent)
MOST = 8


def calls() -> list[str]:
    """Return the functions of the plugin that are at work in this thread, the first one first."""
    frame, found = sys._getframe(1), []
    while frame is not None:
        if frame.f_code.co_filename.startswith(_SOURCE):
            found.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}")
        frame = frame.f_back
    return found[::-1]


def test_from_the_button_to_the_fit_and_back_to_the_layers(
    open_form: Open, images: Images, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[str]] = {}
    start, result_layers = FunctionWorker.start, making.result_layers

    def started(worker: Any) -> None:
        if "controller.py:train" in calls():
            seen["start"] = calls()
        start(worker)

    def laid_out(*args: Any, **options: Any) -> Any:
        seen["result"] = [*calls(), "layers.py:result_layers"]
        return result_layers(*args, **options)

    def fit(*args: Any, **options: Any) -> Generator[Any, None, Any]:
        seen["fit"] = calls()
        return (yield from FakeFit()(*args, **options))

    viewer, panel = open_form(*images, fit=fit)
    monkeypatch.setattr(FunctionWorker, "start", started)
    monkeypatch.setattr(making, "result_layers", laid_out)
    viewer.layers.events.inserted.connect(lambda _: seen.setdefault("layer", calls()))
    run(qtbot, panel)
    assert len(made(viewer, "frames")) == 1
    there = [*seen["start"], *seen["fit"]]
    assert there[0] == "controller.py:train"
    assert there[-1] == "job.py:compute"
    assert len(there) < MOST, there
    # The fit returns to the last function of the way there.
    back = [*seen["result"][seen["result"].index("job.py:compute") :], *seen["layer"]]
    assert len(back) <= MOST, back
