"""Devices are listed and the cost of a training is told before it starts."""

from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.helpers import finished, moved

from napari_latentdyn.core.device import (
    cuda_note,
    default_threads,
    is_out_of_memory,
    list_devices,
    resolve,
    use_threads,
)
from napari_latentdyn.core.estimate import estimate
from napari_latentdyn.core.fit import fit
from napari_latentdyn.core.pair import ImagePair
from napari_latentdyn.core.patches import scan
from napari_latentdyn.settings import Settings


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


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_recognised(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


@settings(max_examples=30, deadline=None)
@given(st.integers(16, 3000), st.integers(16, 3000), st.integers(1, 4))
def test_estimates_are_sensible(height: int, width: int, channels: int) -> None:
    chosen = Settings.preset("standard")
    told = estimate((height, width), channels, chosen)
    assert told.patches == len(scan((height, width), chosen.patches.size, chosen.patches.stride))
    assert told.seconds > 0
    assert told.memory_bytes > 1e8
    assert bool(told.warnings) is (min(height, width) < 128)

    def seconds(**changes: object) -> float:
        named = {name.replace("__", "."): value for name, value in changes.items()}
        return estimate((height, width), channels, chosen.updated(named)).seconds

    # Training takes its time for each step, matching for each member and pixel.
    training = seconds(model__initial_fields="flow")
    steps = 2 * chosen.training.steps
    twice = seconds(model__initial_fields="flow", training__steps=steps)
    assert twice == pytest.approx(2 * training)
    matching = [seconds(model__members=members) - training for members in (1, 2, 4)]
    assert matching[0] > 0
    assert matching[2] == pytest.approx(2 * matching[1], rel=1e-4)
    # Hidden blocks are predicted by one alone, too, and by members that all count alike.
    alike = seconds(model__members=2, model__weighting="equal") - training
    assert alike == pytest.approx(2 * matching[0], rel=1e-4)
    assert matching[1] == pytest.approx(alike, rel=1e-4)


def test_a_gpu_takes_its_time_for_small_images_too() -> None:
    chosen = Settings.preset("standard").updated({"training.steps": 1})
    times = {
        device: [estimate((n, n), 1, chosen, device=device).seconds for n in (64, 128, 1024)]
        for device in ("cpu", "cuda")
    }
    assert times["cpu"][1] > 3 * times["cpu"][0]
    assert times["cuda"][1] < 1.1 * times["cuda"][0]
    assert times["cuda"][2] < times["cpu"][2] / 4


def test_measured_steps_replace_the_guess() -> None:
    chosen = Settings.preset("paper")
    told = estimate((256, 256), 1, chosen, seconds_per_step=0.5)
    assert told.seconds == 0.5 * chosen.training.steps


def test_the_guess_is_of_the_right_order() -> None:
    at = moved((2.0, 1.0), (128, 128))
    pair = ImagePair.from_arrays(at(0), at(1))
    chosen = Settings.preset("standard").updated(
        {
            "model.initial_fields": "drift",  # The guess is of the training alone.
            "training.steps": 4,
            "training.threads": 1,
            "output.preview": False,
        }
    )
    seen, _ = finished(fit(pair, chosen))
    training = [p.seconds for p in seen if p.phase == "train"]
    measured = (training[-1] - training[0]) / (len(training) - 1)
    guessed = estimate(pair.shape, 1, chosen).seconds / chosen.training.steps
    assert guessed / 20 < measured < guessed * 20
