"""Devices are listed and the cost of a training is told before it starts."""

from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.helpers import finished, moved

from napari_latentdyn.core.networks.device import (
    cuda_note,
    default_threads,
    list_devices,
    resolve,
    use_threads,
)
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import scan
from napari_latentdyn.core.training.estimate import Pace, Phase, estimate, expected_seconds
from napari_latentdyn.core.training.fit import Progress, fit
from napari_latentdyn.core.training.pace import Stopwatch
from napari_latentdyn.settings import Settings

#: Matching of the preset "standard", and training after it.
TRAINS = Settings.preset("standard").updated({"training.steps": 40})
#: How often each of their phases is run through.
COUNTS: list[tuple[Phase, int]] = [("matching", 1), ("step", 40), ("rendering", 1)]


def test_the_cpu_is_always_there() -> None:
    devices = list_devices()
    assert devices[-1].name == "cpu"
    assert resolve("cpu").type == "cpu"
    assert resolve("auto").type == devices[0].name
    assert bool(cuda_note()) is (devices[0].name == "cpu")


def test_threads_are_set_for_the_thread_that_asks() -> None:
    counts: list[int] = []

    def work() -> None:
        use_threads(3)
        counts.append(torch.get_num_threads())
        use_threads(0)
        counts.append(torch.get_num_threads())

    before = torch.get_num_threads()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    torch.set_num_threads(before)
    assert counts == [3, default_threads()]


@settings(max_examples=30, deadline=None)
@given(st.integers(16, 3000), st.integers(16, 3000), st.integers(1, 4))
def test_estimates_are_sensible(height: int, width: int, channels: int) -> None:
    chosen = TRAINS
    told = estimate((height, width), channels, chosen)
    assert told.patches == len(scan((height, width), chosen.patches.size, chosen.patches.stride))
    assert told.memory_bytes > 1e8
    assert bool(told.warnings) is (min(height, width) < 128)

    def seconds(**changes: object) -> float:
        """Longest time, without what no phase takes."""
        named = {name.replace("__", "."): value for name, value in changes.items()}
        least, longest = estimate((height, width), channels, chosen.updated(named)).seconds
        assert 0 < least < longest
        return 6.25 * least

    # Training takes its time for each step, matching for each member and pixel.
    whole = {"model__initial_fields": "extracted", "training__stop_early": False}
    steps = chosen.training.steps
    once, twice, thrice = (seconds(**whole, training__steps=n * steps) for n in (1, 2, 3))
    assert 0 < twice - once == pytest.approx(thrice - twice)
    alone = {"physics__transport": "stages"}  # Members add nothing to the drawing.
    drawing = seconds(model__initial_fields="extracted", **alone)
    matching = [seconds(model__members=members, **alone) - drawing for members in (1, 2, 4)]
    assert matching[0] > 0
    assert matching[2] == pytest.approx(2 * matching[1], rel=1e-4)
    # Hidden blocks are predicted by one alone, too, and by members that all count alike.
    alike = seconds(model__members=2, model__weighting="equal", **alone) - drawing
    assert alike == pytest.approx(2 * matching[0], rel=1e-4)
    assert matching[1] == pytest.approx(alike, rel=1e-4)


def test_a_gpu_takes_its_time_for_small_images_too() -> None:
    chosen = TRAINS.updated({"training.steps": 1})
    times = {
        device: [
            estimate((n, n), 1, chosen, device=device).seconds[0] for n in (64, 128, 256, 1024)
        ]
        for device in ("cpu", "cuda")
    }
    assert times["cpu"][2] > 3 * times["cpu"][0]
    assert times["cuda"][1] < 1.1 * times["cuda"][0]
    assert times["cuda"][3] < times["cpu"][3] / 4


def progress(*steps: float, matched: float = 0.0, rendered: float | None = None) -> Stopwatch:
    """Return a watch that saw a matching end, and steps end, after so many seconds."""
    watch = Stopwatch()
    if matched:
        watch.see(Progress("prepare", 0, 100, seconds=0.0))
        watch.see(Progress("prepare", 40, 100, seconds=0.7 * matched))
        watch.see(Progress("prepare", 100, 100, seconds=matched))
    for step, seconds in enumerate(steps, start=1):
        watch.see(Progress("train", step, len(steps), seconds=seconds))
    if rendered is not None:
        watch.see(Progress("render", 0, 4, seconds=rendered))
    return watch


def test_a_watch_takes_each_phase_by_itself() -> None:
    watch = progress(95.0, 96.0, 97.0, 98.0, matched=80.0, rendered=98.5)
    assert watch.matching == 80.0
    # Setting up and the first step took fifteen seconds, which no other step takes.
    fast, slow = watch.step or (0, 0)
    assert 0.7 < fast < 1.0 < slow < 1.4
    assert watch.after(101.0) == 2.5


def test_a_watch_tells_nothing_that_it_did_not_see() -> None:
    assert progress(90.0).step is None, "what one step took may be setting up"
    assert progress(90.0, 91.0).matching is None
    assert progress().after(3.0) == 0.0
    stopped = Stopwatch()
    stopped.see(Progress("prepare", 0, 100, seconds=0.0))
    stopped.see(Progress("prepare", 99, 100, seconds=50.0))
    assert stopped.matching is None


def test_costs_of_a_short_run_are_not_extrapolated() -> None:
    """Three steps took 93 s, 90 of which were matching and setting up: 40 do not take 20 min."""
    short = TRAINS.updated({"training.steps": 3})
    watch = progress(91.0, 92.0, 93.0, matched=80.0, rendered=93.0)
    pace = Pace()
    pace.learn(
        (256, 256),
        1,
        short,
        "cpu",
        {"matching": watch.matching, "step": watch.step, "rendering": watch.after(95.0)},
    )
    least, longest = estimate((256, 256), 1, TRAINS, pace).seconds
    # Twenty steps without improvement end it.
    assert 70 < least < 80 + 20 + 2 < 80 + 40 + 2 < longest < 200
    assert estimate((256, 256), 1, TRAINS, pace).measured


def test_steps_that_are_done_and_the_matching_are_not_counted_again() -> None:
    chosen = TRAINS
    pace = Pace()
    watch = progress(*(81.0 + 2 * n for n in range(10)), matched=80.0)
    measured = {"matching": watch.matching, "step": watch.step, "rendering": 4.0}
    pace.learn((256, 256), 1, chosen, "cpu", measured)
    least, longest = estimate((256, 256), 1, chosen, pace, steps_done=30).seconds
    assert 12 < least < 10 * 2 + 4 < longest < 40
    # All steps done: only the frames are drawn.
    assert estimate((256, 256), 1, chosen, pace, steps_done=40).seconds[1] < 7


def test_what_was_measured_serves_other_sizes_but_no_other_device() -> None:
    chosen = TRAINS.updated({"training.threads": 1})
    pace = Pace()
    guess = estimate((128, 128), 1, chosen)
    assert not guess.measured
    # A computer ten times slower than expected.
    expected = expected_seconds((128, 128), 1, chosen, "cpu")
    slow = {phase: 10 * seconds for phase, seconds in expected.items()}
    pace.learn((128, 128), 1, chosen, "cpu", slow)
    middle = sum(slow.values()) + 39 * slow["step"]
    same = estimate((128, 128), 1, chosen, pace).seconds
    assert same[0] < middle < same[1] < 1.3 * middle + 1
    larger = estimate((256, 256), 1, chosen, pace)
    assert larger.measured
    other = sum(
        n * 10 * expected_seconds((256, 256), 1, chosen, "cpu")[phase] for phase, n in COUNTS
    )
    assert larger.seconds[0] < other < larger.seconds[1]
    assert larger.seconds[1] - larger.seconds[0] > same[1] - same[0]
    for elsewhere in (
        estimate((128, 128), 1, chosen, pace, "cuda"),
        estimate((128, 128), 1, chosen.updated({"training.threads": 2}), pace),
    ):
        assert not elsewhere.measured


def test_a_phase_that_was_not_seen_keeps_what_is_known_of_it() -> None:
    chosen = TRAINS
    pace = Pace()
    pace.learn((64, 64), 1, chosen, "cpu", {"matching": 7.0, "step": (0.5, 0.7), "rendering": 1.0})
    known = estimate((64, 64), 1, chosen, pace)
    pace.learn((64, 64), 1, chosen, "cpu", {"matching": None, "step": None, "rendering": 1.0})
    assert estimate((64, 64), 1, chosen, pace) == known
    assert known.seconds == pytest.approx((7 / 1.25 + 10 + 0.8, 7 * 1.25 + 28 + 1.25 + 1))


def test_the_guess_is_of_the_right_order() -> None:
    at = moved((2.0, 1.0), (128, 128))
    pair = Observations.from_arrays(at(0), at(1))
    chosen = Settings.preset("standard").updated(
        {
            "model.initial_fields": "zero",  # The guess is of the training alone.
            "training.steps": 4,
            "training.threads": 1,
            "output.preview": False,
        }
    )
    seen, _ = finished(fit(pair, chosen))
    training = [p.seconds for p in seen if p.phase == "train"]
    measured = (training[-1] - training[0]) / (len(training) - 1)
    guessed = expected_seconds(pair.shape, 1, chosen, "cpu")["step"]
    assert guessed / 20 < measured < guessed * 20


def test_nothing_is_told_of_patches_where_nothing_is_trained() -> None:
    chosen, shape = Settings.preset("standard"), (64, 256)
    told, trained = (estimate(shape, 1, s) for s in (chosen, TRAINS))
    assert (told.patches, told.warnings) == (0, ())
    assert trained.patches > 0
    assert trained.warnings
    assert told.memory_bytes < trained.memory_bytes
    assert told.seconds[1] < trained.seconds[1]
    # A decoder that adds nothing is not run.
    drawing, decoding = (
        expected_seconds(shape, 1, s, "cpu")["rendering"] for s in (chosen, TRAINS)
    )
    assert drawing < decoding
