"""Layers of a long series whose frames are drawn when they are looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from numpy.typing import NDArray
from tests.conftest import dynamics_of

from napari_latentdyn.core.dynamics import intervals
from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.viewer.layers import frames_layer, result_layers, update_or_add

TIMES = np.linspace(0, 3, 13)


class Drawing:
    """Stands in for networks: a frame has the value of its time."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[float]]] = []

    def render(self, what: str, images: Any, fields: Any, times: Any, *_: Any) -> Any:
        self.calls.append((what, list(times)))
        channels = images.channels if what == "frames" else 1
        shape = (len(times), channels, *images.shape)
        return np.broadcast_to(np.float32(times)[:, None, None, None], shape).copy()


def long_result(monkeypatch: pytest.MonkeyPatch, channels: int = 0, **report: Any) -> Dynamics:
    random = np.random.default_rng(0)
    shape = (13, channels, 12, 16) if channels else (13, 12, 16)
    frames: NDArray[np.float32] = random.random(shape).astype(np.float32)
    fields = random.normal(size=(9, 2, 12, 16)).astype(np.float32)
    made = dynamics_of(
        frames, fields, {"observation_times": [0.0, 1.0, 2.0, 3.0], **report}, times=TIMES
    )
    made.settings = made.settings.updated({"output.confidence": True})
    monkeypatch.setattr(intervals, "LARGE_FRAMES", 0)
    made._fitted, made._arrays = Drawing(), {}  # type: ignore[assignment]
    return made


def test_only_the_interval_that_is_looked_at_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    dynamics = long_result(monkeypatch)
    layers = {
        meta["metadata"]["latentdyn"]["role"]: data for data, meta, _ in result_layers(dynamics)
    }
    drawn = dynamics.fitted.calls  # type: ignore[attr-defined]
    assert not drawn
    frames, confidence = layers["frames"], layers["confidence"]
    assert frames.shape == confidence.shape == (13, 12, 16)
    assert frames.chunks[0] == confidence.chunks[0] == (4, 4, 5)
    np.testing.assert_array_equal(np.asarray(frames[5]), TIMES[5])
    assert drawn == [("frames", TIMES[4:8].tolist())]
    np.testing.assert_array_equal(np.asarray(confidence[12]), TIMES[12])
    assert drawn[1:] == [("confidence", TIMES[8:].tolist())]
    np.testing.assert_array_equal(np.asarray(frames)[:, 0, 0], TIMES)
    assert dynamics.stored("frames") is None


def test_a_viewer_shows_and_renews_lazy_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    dynamics = long_result(monkeypatch)
    viewer = ViewerModel()
    update_or_add(viewer, result_layers(dynamics))
    drawn = dynamics.fitted.calls  # type: ignore[attr-defined]
    assert len({times[0] for what, times in drawn if what == "frames"}) <= 2
    layer = next(layer for layer in viewer.layers if layer.name.endswith("frames"))
    images = dynamics.observations.images
    low, high = np.percentile(images, (0.5, 99.5))
    assert tuple(layer.contrast_limits) == pytest.approx((low, high))
    count = len(viewer.layers)
    update_or_add(viewer, result_layers(dynamics))
    assert len(viewer.layers) == count


def test_small_frames_are_no_lazy_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    dynamics = long_result(monkeypatch)
    monkeypatch.setattr(intervals, "LARGE_FRAMES", 256_000_000)
    assert isinstance(frames_layer(dynamics)[0], np.ndarray)


@pytest.mark.parametrize("dtype", ["uint8", None])
def test_colours_of_lazy_frames(monkeypatch: pytest.MonkeyPatch, dtype: str | None) -> None:
    source = {"rgb": True} | ({"dtype": dtype} if dtype else {})
    dynamics = long_result(monkeypatch, channels=3, inputs=[source] * 4)
    data, meta, _ = frames_layer(dynamics)
    assert meta["rgb"]
    assert data.shape == (13, 12, 16, 3)
    assert data.dtype == np.dtype(dtype or "float32")
    assert not dynamics.fitted.calls  # type: ignore[attr-defined]
    first = np.asarray(data[4])
    np.testing.assert_array_equal(first, 1)
    other, meta, _ = frames_layer(dynamics, rgb=False)
    assert other.shape == (3, 13, 12, 16)
    assert not meta["rgb"]
