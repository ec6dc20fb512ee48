"""The equation that predicts hidden blocks of a pair, or hidden images of a series, best."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.physics.sampling import pixel_grid
from napari_latentdyn.core.rendering.bothends import BothEnds
from napari_latentdyn.core.rendering.coefficients import coefficients_between
from napari_latentdyn.core.runfolder.schema import EquationReport
from napari_latentdyn.core.training.pace import MOST_HIDDEN
from napari_latentdyn.core.training.prediction import hidden_blocks, hidden_image
from napari_latentdyn.equations import AUTO, DEFAULT, EQUATIONS
from napari_latentdyn.equations.sparse_source import SparseSource, smoothed_change

__all__ = ["choose_equation", "settle_equation"]

#: Ratio of the errors, to that of advection with source, below which another equation is chosen.
#: Hidden blocks only say how well the last image follows from the first one; hidden images say it
#: of frames. Chosen on generated scenes (seeds 0 to 2 and 10 to 12).
_CLEARLY = {"blocks": 0.8, "images": 0.95}
#: Least number of standard errors by which the mean over the blocks must be smaller.
_SURELY = {"blocks": 4.0, "images": 2.0}
#: Difference of the frames half way, as a part of the intensity range, below which the choice does
#: not matter. Chosen on images that grow everywhere by one factor.
_MATTERS = 0.003
#: Error, as a part of the intensity range, below which a prediction is exact.
_EXACT = 1e-3
#: Ratio of the errors of two other equations within which the first one of the registry is chosen:
#: it has fewer coefficients.
_ALIKE = 0.85
#: Least part of the squared change between two images that lies in sparse sources whose course is
#: known, and least part of the image that they cover. Hidden blocks do not say when a place
#: changes.
_IN_SOURCES, _COVERED = 0.75, 0.02
_SPARSE = SparseSource.name
#: Percentile of the errors of blocks that is taken for noise.
_QUIET = 10.0

Fields = NDArray[np.float32]
Errors = dict[str, NDArray[np.float64]]


def settle_equation(
    observations: Observations, fields: Fields, model: LatentDynamics
) -> tuple[Observations, EquationReport | None]:
    """Choose the equation if the settings of a model leave it open, and let the model follow it.

    The parameters are those of `choose_equation`. Returns the observations, without a change of
    brightness if the equation describes it, and the report of the choice.
    """
    report = None
    if model.settings.physics.equation == AUTO:
        report = choose_equation(observations, fields, model)
        model.follow(model.settings.updated({"physics.equation": report.name}))
    if model.transport.equation.explains_brightness:
        observations = observations.with_brightness(None)
    return observations, report


@torch.no_grad()
def choose_equation(
    observations: Observations, fields: Fields, model: LatentDynamics
) -> EquationReport:
    """Return the equation that predicts best, and the errors of all.

    Advection with source is kept unless another equation is clearly better and the frames differ.
    Advection alone is left out: it predicts the last image as the first one does, and frames with
    both images are better whatever it predicts.

    Parameters
    ----------
    observations : Observations
        K images.
    fields : ndarray of float32, shape (K - 1, n, 2, H, W)
        Stage fields of all intervals in pixels per stage.
    model : LatentDynamics
        Its paths, settings and device are used.
    """
    pair = len(observations) == 2
    blocks = (_of_pair if pair else _of_series)(observations, fields, model)
    errors = {name: _root_mean(values) for name, values in blocks.items()}
    by: Literal["blocks", "images"] = "blocks" if pair else "images"
    clear = [name for name in blocks if _is_better(blocks[name], blocks[DEFAULT], by)]
    others = clear or [name for name in blocks if name != DEFAULT]
    least = min(errors[name] for name in others)
    best = next(name for name in others if errors[name] * _ALIKE <= max(least, _EXACT))
    share = None
    if pair and not clear:
        share, covered = _in_sources(observations.interval(0), fields[0], model)
        if share >= _IN_SOURCES and covered >= _COVERED:
            clear, best = [_SPARSE], _SPARSE
    ends = BothEnds.along(observations.interval(0), fields[0], model, 0.5)
    difference = _difference(best, ends, fields[0])
    chosen = bool(clear) and difference >= _MATTERS
    return EquationReport(
        name=best if chosen else DEFAULT,
        other=DEFAULT if chosen else best,
        by=by,
        errors=errors,
        share=share,
        difference=difference,
        matters=difference >= _MATTERS,
    )


def _candidates() -> list[str]:
    return [name for name in EQUATIONS if name != "advection"]


def _of_pair(observations: Observations, fields: Fields, model: LatentDynamics) -> Errors:
    """Return the errors of hidden blocks of two images."""
    ends = BothEnds.along(observations.interval(0), fields[0], model, 1.0)
    plain = EQUATIONS[DEFAULT]
    known = [hidden_blocks(plain, ends)]
    if ends.interval.brightness is not None:
        # An overall change of brightness may be one of a few places.
        same = replace(ends, interval=ends.interval.with_brightness(None))
        known.append(hidden_blocks(plain, same))
    least = min(known, key=_root_mean)
    noise = float(np.nanpercentile(least, _QUIET)) / 2 if np.isfinite(least).any() else 0.0
    others = [name for name in _candidates() if name not in (DEFAULT, _SPARSE)]
    found = {name: hidden_blocks(EQUATIONS[name], ends, noise) for name in others}
    own = least - 2 * noise
    alone = [found[name] for name in others if EQUATIONS[name].explains_brightness]
    if max(_root_mean(own), min(map(_root_mean, alone))) < _EXACT:
        # Both are exact, but one needs no gain and offset that the same images have given.
        own = known[-1] - 2 * noise
    return {DEFAULT: own} | found


def _in_sources(
    interval: Observations, fields: Fields, model: LatentDynamics
) -> tuple[float, float]:
    """Return the parts of the squared change and of the area that lie in sparse sources."""
    ends = BothEnds.along(interval, fields, model, 1.0)
    sudden = coefficients_between(EQUATIONS[_SPARSE], ends)["sudden"] > 0
    change = smoothed_change(ends.compared())
    total = float((change**2).sum())
    part = float((change[sudden] ** 2).sum()) / total if total > 0 else 0.0
    return part, float(sudden.mean())


def _of_series(observations: Observations, fields: Fields, model: LatentDynamics) -> Errors:
    """Return the errors of blocks of hidden images."""
    inner = np.arange(1, len(observations) - 1)
    if len(inner) > MOST_HIDDEN:
        inner = inner[np.linspace(0, len(inner) - 1, MOST_HIDDEN).round().astype(int)]
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in _candidates()}
    for hidden in inner.tolist():
        middle, end = _around(observations, fields, model, hidden)
        truth, valid = observations.images[hidden], observations.valid[hidden]
        for name, parts in found.items():
            parts.append(hidden_image(EQUATIONS[name], middle, end, truth, valid))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _around(
    observations: Observations, fields: Fields, model: LatentDynamics, hidden: int
) -> tuple[BothEnds, BothEnds]:
    """Return the neighbours of an image, at its time and at that of the later neighbour.

    The paths run through the hidden image, so that only intensities are predicted.
    """
    both = [hidden - 1, hidden + 1]
    known = observations.brightness
    interval = replace(
        observations,
        times=np.array([0.0, 1.0]),
        images=observations.images[both],
        valid=observations.valid[both],
        brightness=None if known is None else known[both],
        sources=(),
        estimated=None,
    )
    start, at, end = observations.times[hidden - 1 : hidden + 2]
    device = next(model.parameters()).device
    before, after = (torch.from_numpy(fields[k])[None].to(device) for k in (hidden - 1, hidden))
    grid, trace = pixel_grid(*observations.shape, device=device), model.transport.paths.trace
    here = trace(0, before, grid, 1.0), trace(1, after, grid, 0.0)
    there = trace(0, before, trace(0, after, grid, 1.0), 1.0), grid
    time = float((at - start) / (end - start))
    return BothEnds(interval, model, here, time), BothEnds(interval, model, there, 1.0)


def _is_better(blocks: NDArray[np.float64], plain: NDArray[np.float64], by: str) -> bool:
    """Return whether errors are smaller than those of advection with source, for sure."""
    change = blocks - plain
    change = change[np.isfinite(change)]
    if len(change) < 2 or _root_mean(blocks) >= _CLEARLY[by] * _root_mean(plain):
        return False
    return float(change.mean()) < -_SURELY[by] * float(change.std()) / math.sqrt(len(change))


def _difference(name: str, ends: BothEnds, fields: Fields) -> float:
    """Return the difference of frames half way to those of advection with source."""
    frames = []
    for each in (name, DEFAULT):
        equation = EQUATIONS[each]
        own = ends.for_equation(equation)
        last = BothEnds.along(own.interval, fields, own.model, 1.0)
        frame = own.frame(equation, coefficients_between(equation, last)).cpu().numpy()
        frames.append(own.interval.denormalise(frame, [0.5])[0])
    span = (ends.interval.high - ends.interval.low)[:, None, None]
    seen = ends.seen[0, 0].cpu().numpy() > 0
    squares = ((frames[0] - frames[1]) / span)[:, seen] ** 2
    return math.sqrt(float(squares.mean())) if squares.size else 0.0


def _root_mean(squares: NDArray[np.float64]) -> float:
    """Return the root of the mean of errors, from which noise was subtracted."""
    known = squares[np.isfinite(squares)]
    return math.sqrt(max(float(known.mean()), 0.0)) if len(known) else 0.0
