"""What the window says of the time that a run will take."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

import pytest
from tests.widgets.conftest import Images, Open
from tests.widgets.helpers import FakeFit, control, press, put, run

from napari_latentdyn.core.training.fit import Progress
from napari_latentdyn.generators import mapped
from napari_latentdyn.widgets.texts import time_span

_UNITS = {"s": 1, "min": 60, "h": 3600}


class TimedFit(FakeFit):
    """Says that matching took 80 s, setting up 10 s, and each step 1 s; takes no time itself."""

    def __call__(self, pair: Any, settings: Any, **options: Any) -> Generator[Progress, None, Any]:
        done = options.get("resume") or 0
        if not done:
            for step in (0, 50, 100):
                yield Progress("prepare", step, 100, seconds=0.8 * step, message="Matching")
        training = super().__call__(pair, settings, **options)
        total = settings.training.steps
        dynamics = yield from mapped(
            training, lambda p: Progress("train", p.step, total, seconds=90.0 + p.step)
        )
        taken = {"seconds": 90.0 + (dynamics.report.steps or 0)}
        dynamics.report = dynamics.report.model_copy(update=taken)
        return dynamics


def told(panel: Any) -> tuple[float, float]:
    """Return the interval that the window tells, in seconds."""
    text = control(panel, "estimate").text().replace("\u00a0", " ").split("·")[2].split("<")[0]
    numbers = re.findall(r"([\d.]+)(?: (s|min|h))?", text)
    assert len(numbers) == 2, text
    (low, low_unit), (high, high_unit) = numbers
    return float(low) * _UNITS[low_unit or high_unit], float(high) * _UNITS[high_unit]


def test_a_short_run_tells_the_time_of_a_long_one(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    """93 s for 3 steps are not half an hour for 60: 80 s are matching, 10 s setting up."""
    _, panel = open_form(*images, fit=TimedFit())
    put(panel, {"model.initial_fields": "matched", "training.steps": 3})
    put(panel, {"training.stop_early": False})
    estimate = control(panel, "estimate")
    qtbot.waitUntil(lambda: "guess" in estimate.toolTip())
    run(qtbot, panel)
    put(panel, {"training.steps": 60, "training.seed": 1})
    qtbot.waitUntil(lambda: told(panel)[1] > 120)
    least, longest = told(panel)
    assert 90 <= least < 80 + 60 < longest <= 240
    assert "earlier runs" in estimate.toolTip()


def test_a_training_that_may_end_early_may_take_less(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    _, panel = open_form(*images, fit=TimedFit())
    put(panel, {"model.initial_fields": "matched", "training.steps": 40})
    run(qtbot, panel)
    put(panel, {"training.steps": 400, "training.seed": 1})
    qtbot.waitUntil(lambda: told(panel)[1] > 400)
    # A quarter of the steps is the least.
    assert told(panel)[0] < 80 + 100
    put(panel, {"training.stop_early": False})
    qtbot.waitUntil(lambda: told(panel)[0] > 300)


def test_a_training_that_goes_on_takes_only_what_is_left(
    open_form: Open, images: Images, qtbot: Any
) -> None:
    _, panel = open_form(*images, fit=TimedFit())
    put(panel, {"model.initial_fields": "matched", "training.steps": 100_000})
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: control(panel, "progress").value() >= 20)
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(control(panel, "train").isEnabled, timeout=10_000)
    assert control(panel, "train").text() == "Continue"
    done = control(panel, "loss_plot").points("match")[0][-1]
    put(panel, {"training.steps": done + 10})
    qtbot.waitUntil(lambda: told(panel)[1] < 60)
    least, longest = told(panel)
    assert 0 < least < 10 < longest


@pytest.mark.parametrize(
    ("least", "longest", "text"),
    [
        (0.1, 0.4, "under 1 s"),
        (0.5, 3.2, "up to 4 s"),
        (4.4, 11.7, "4 to 12 s"),
        (22, 61, "20 to 65 s"),
        (40, 200, "40 s to 3.5 min"),
        (95, 140, "1.5 to 2.5 min"),
        (190, 190, "3 to 3.5 min"),
        (600, 2000, "10 to 35 min"),
        (3000, 9000, "50 min to 2.5 h"),
        (7200, 14400, "2 to 4 h"),
        (10, 10, "about 10 s"),
    ],
)
def test_an_interval_reads_as_a_person_says_it(least: float, longest: float, text: str) -> None:
    assert time_span(least, longest).replace("\u00a0", " ") == text
