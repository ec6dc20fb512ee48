"""Methods that predict hidden frames of a series from the given ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from benchmarks.accuracy.flows import between
from benchmarks.series.cases import Series
from numpy.typing import NDArray

__all__ = ["METHODS"]

Frames = NDArray[np.float32]
Method = Callable[[Series], Frames]


def _ours(preset: str, **changes: Any) -> Method:
    """Return a preset with changes of its settings, as a method."""

    def predict(series: Series) -> Frames:
        from napari_latentdyn.core.observations.observations import Observations
        from napari_latentdyn.core.training.fit import fit
        from napari_latentdyn.generators import drain
        from napari_latentdyn.settings import Settings

        chosen = {name.replace("__", "."): value for name, value in changes.items()}
        settings = Settings.preset(preset).updated(
            {"training.threads": 1, "training.device": "cpu", "output.preview": False, **chosen}
        )
        observations = Observations.from_arrays(
            *series.images, times=_times(series), settings=settings.images
        )
        return drain(fit(observations, settings)).frames(_hidden_times(series))

    return predict


def _blend(series: Series) -> Frames:
    """Average the neighbours, weighted by time."""
    images = _filled(series)
    return np.stack([(1 - part) * images[k] + part * images[k + 1] for k, part in _places(series)])


def _dis(series: Series) -> Frames:
    """Carry both neighbours along tuned DIS flow."""
    from napari_latentdyn.core.baselines.dis import dis_tuned

    images = _filled(series)
    flows = [(dis_tuned(a, b), dis_tuned(b, a)) for a, b in itertools.pairwise(images)]
    return np.stack(
        [between(images[k], images[k + 1], [part], *flows[k])[0] for k, part in _places(series)]
    )


def _quadratic(series: Series) -> Frames:
    """Carry both neighbours along paths with a constant acceleration.

    Source: X. Xu et al., *Quadratic video interpolation*, 2019: the flows from an image to both
    of its neighbours give velocity and acceleration. The flows are tuned DIS; without a
    neighbour beyond, the acceleration is zero. Uneven intervals are taken into account.
    """
    from napari_latentdyn.core.baselines.dis import dis_tuned

    images, times = _filled(series), _times(series)
    found = []
    for k, part in _places(series):
        length = times[k + 1] - times[k]
        ways = []
        for here, there, beyond, at in ((k, k + 1, k - 1, part), (k + 1, k, k + 2, 1 - part)):
            way = dis_tuned(images[here], images[there])
            if 0 <= beyond < len(images):
                ratio = abs(times[beyond] - times[here]) / length
                other = dis_tuned(images[here], images[beyond])
                acceleration = 2 * (other / ratio + way) / (1 + ratio)
            else:
                acceleration = np.zeros_like(way)
            velocity = way - acceleration / 2
            # As a flow whose part `at` is the way on the parabola.
            ways.append(velocity + acceleration * at / 2)
        found.append(between(images[k], images[k + 1], [part], *ways)[0])
    return np.stack(found)


METHODS: dict[str, Method] = {
    "blend": _blend,
    "dis": _dis,
    "quadratic": _quadratic,
    "quick, pairs": _ours("quick", physics__follow_series=False),
    "quick": _ours("quick"),
    "quick, learning": _ours("quick", training__from_series=True),
    "standard, pairs": _ours("standard", physics__follow_series=False, training__from_series=False),
    "standard": _ours("standard"),
}


def _times(series: Series) -> NDArray[np.float64]:
    return series.times[series.given]


def _hidden_times(series: Series) -> NDArray[np.float64]:
    return series.times[series.hidden]


def _places(series: Series) -> list[tuple[int, float]]:
    """Return for each hidden frame its interval, and the fraction of it."""
    times = _times(series)
    found = []
    for time in _hidden_times(series):
        k = int(np.searchsorted(times, time) - 1)
        found.append((k, float((time - times[k]) / (times[k + 1] - times[k]))))
    return found


def _filled(series: Series) -> Frames:
    """Return the given images; under a cloud, the value of the nearest known pixel."""
    from napari_latentdyn.core.observations.intensities import fill

    images = series.images
    return np.stack([fill(image[None], np.isfinite(image))[0] for image in images]).astype(
        np.float32
    )
