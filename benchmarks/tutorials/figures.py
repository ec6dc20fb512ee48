"""All figures of the tutorials, measured on the frames and fields of the methods."""

from __future__ import annotations

from typing import Any

import numpy as np
from benchmarks.tutorials.cases import Case
from benchmarks.tutorials.measures import (
    carried,
    changing,
    darkness,
    detail,
    fixed_share,
    sagitta,
    similarity,
    straight,
    tracer_errors,
    true_tracers,
)
from benchmarks.tutorials.runs import Made
from numpy.typing import NDArray

from napari_latentdyn.core.baselines import Interpolation, assess
from napari_latentdyn.core.baselines.dis import dis_tuned
from napari_latentdyn.core.baselines.scores import score
from napari_latentdyn.core.observations.observations import Observations

__all__ = ["Figures", "measure", "tracers"]

Image = NDArray[np.float32]
#: {method or "truth": {measure: value}}
Figures = dict[str, dict[str, float]]


def measure(case: Case, made: dict[str, Made]) -> Figures:
    """Return all figures of a scene; what cannot be measured is not there."""
    figures: Figures = {"truth": _middle(case, case.truth) if case.has_truth else {}}
    for method, result in made.items():
        row = {"seconds": result.seconds}
        row |= _scores(case, result)
        row |= _middle(case, lambda time, result=result: result.at(case, time))
        figures[method] = row
    if case.velocity is not None and case.known is not None:
        _tracers(case, case.velocity, case.known, made, figures)
    if case.name == "cracks":
        _cracks(case, made, figures)
    return figures


def tracers(
    case: Case, method: str, result: Made, times: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Follow points (P, 2) as a method means its field; None if it has none.

    Optical flow says where a point of the first image ends, and that it goes there
    straight; the fields of the others are followed.

    Returns
    -------
    ndarray, shape (P, T, 2)
    """
    if method == "dis":
        return straight(dis_tuned(case.frames[0, 0], case.frames[-1, 0]), times, points)
    return None if result.velocity is None else carried(result.velocity, times, points)


def _scores(case: Case, result: Made) -> dict[str, float]:
    """Return the means of the scores over all true frames between the ends."""
    if not case.has_truth:
        return _conditions(case, result)
    observations = Observations.from_arrays(case.frames[0, 0], case.frames[-1, 0])
    inside = zip(case.times[1:-1], case.frames[1:-1], strict=True)
    scores = [score(observations, result.at(case, float(t)), true) for t, true in inside]
    names = ("psnr", "ssim", "gradient_error")
    return {name: float(np.mean([getattr(s, name) for s in scores])) for name in names}


def _conditions(case: Case, result: Made) -> dict[str, float]:
    """Return what can be said of a field without true frames."""
    observations = Observations.from_arrays(*case.frames[[0, -1]], channel_axis=0)
    judged = assess(observations, Interpolation(result.frames, result.velocity), case.asked)
    found = {"ends": judged.end_error, "half": judged.consistency_error}
    return {key: value for key, value in found.items() if value is not None}


def _middle(case: Case, at: Any) -> dict[str, float]:
    """Return fading and detail of the frames nearest to half way."""
    first, last = (_grey(case, frame) for frame in case.frames[[0, -1]])
    where = changing(first, last)
    ends = (detail(first, where) + detail(last, where)) / 2
    rows = []
    for time in case.middle:
        frame, truth = _grey(case, at(time)), case.truth(time)
        row = {"fixed": fixed_share(frame, first, last, where)}
        true = None if truth is None else _grey(case, truth)
        row["detail"] = detail(frame, where) / (ends if true is None else detail(true, where))
        if true is not None:
            row["similarity"] = similarity(frame, true, where)
        rows.append(row)
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def _tracers(
    case: Case,
    velocity: Image,
    known: NDArray[np.bool_],
    made: dict[str, Made],
    figures: Figures,
) -> None:
    times, paths = true_tracers(velocity, known)
    half = len(times) // 2
    off = sagitta(paths)
    figures["truth"] |= {
        "tracers": len(paths),
        "way": float(np.hypot(*(paths[:, -1] - paths[:, 0]).T).mean()),
        "sagitta": float(off.mean()),
        "sagitta_max": float(off.max()),
    }
    for method, result in made.items():
        found = tracers(case, method, result, times, paths[:, 0])
        if found is None:
            continue
        errors = tracer_errors(found, paths)
        figures[method] |= {
            "tracer_half": float(np.nanmean(errors[:, half])),
            "tracer_half_median": float(np.nanmedian(errors[:, half])),
            "tracer_end": float(np.nanmean(errors[:, -1])),
        }


def _cracks(case: Case, made: dict[str, Made], figures: Figures) -> None:
    """Return how dark the new crack is where it is half way, and where it comes later."""
    known = case.known
    truth = case.truth(0.5)
    if known is None or truth is None:
        return
    half = len(known) // 2
    open_now = ~known[half - 1] & ~known[half]
    later = known[half - 1] & known[half] & ~known[-1]
    frames = {method: result.at(case, 0.5) for method, result in made.items()}
    ice = float(truth[0][known[half]].mean())
    water = float(truth[0][open_now].mean())
    for method, frame in {"truth": truth, **frames}.items():
        figures[method] |= {
            "crack": darkness(frame[0], open_now, ice, water),
            "early": darkness(frame[0], later, float(truth[0][later].mean()), water),
        }


def _grey(case: Case, frame: Image) -> Image:
    """Return the part of a frame (C, H, W) that is looked at, channels averaged."""
    return np.asarray(frame.mean(axis=0)[case.looked_at])
