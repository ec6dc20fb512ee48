"""What runs in the worker thread: a fit, then the rendering of its results."""

from __future__ import annotations

import gc
import hashlib
import importlib
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_latentdyn.core.geometry.checks import value_oddities
from napari_latentdyn.errors import Stopped, UserError
from napari_latentdyn.generators import mapped
from napari_latentdyn.viewer.reading import notes_of_snapshots
from napari_latentdyn.widgets.job import Failure, Job, Outcome, Rendered
from napari_latentdyn.widgets.texts import scene_name, titles

if TYPE_CHECKING:
    from napari_latentdyn.core.dynamics.result import Dynamics
    from napari_latentdyn.core.networks.device import Device

__all__ = ["describe", "fingerprint", "learn", "look_for_devices"]

# Pause between two yields: napari's worker emits a Qt signal for each of them.
_YIELD_SECONDS = 1 / 15
# Difference of two agreements that nobody sees.
_AS_GOOD = 0.01
_NO_PREVIEW = "The preview was stopped; nothing changed."
# What PyTorch says on a GPU, and on the CPU of Linux and of Windows.
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def learn(job: Job) -> Generator[None, None, Outcome | Failure]:
    """Fit and render; to be run by a generator worker.

    Nothing is ever raised: napari's workers swallow every RuntimeError, which
    is what torch raises for almost anything, and a traceback would keep the
    model's memory alive.

    Returns
    -------
    Outcome or Failure
    """
    job.started.set()
    try:
        return (yield from _learn(job))
    except Exception as error:  # noqa: BLE001 - whatever it is, the window says it
        return Failure(describe(error, f"The {job.kind} failed"))
    finally:
        job.previous = job.shown = None
        gc.collect()
        job.ended.set()


def _learn(job: Job) -> Generator[None, None, Outcome | Failure]:
    if job.abort.is_set():
        return Failure(f"The {job.kind} was cancelled before it began.", cancelled=True)
    from napari_latentdyn.core.observations.pair import ImagePair

    pair_settings = job.settings.images
    pair = ImagePair.from_arrays(
        job.first.array,
        job.last.array,
        pair_settings,
        channel_axis=job.first.channel_axis,
        channel_axis_last=job.last.channel_axis,
        mask_first=job.first.missing,
        mask_last=job.last.missing,
    )
    job.oddities = value_oddities(
        pair, titles(job.first, job.last), (job.first.array, job.last.array)
    )
    job.oddities += notes_of_snapshots(job.first, job.last)
    masks = [image.missing for image in (job.first, job.last) if image.missing is not None]
    mark = fingerprint(job.first.array, job.last.array, *masks)
    resume = None
    if job.previous is not None and job.previous_fingerprint == mark:
        resume = job.previous.checkpoint
    if job.shown is not None and job.shown.fingerprint == mark:
        from napari_latentdyn.core.training.preview import agreement_of

        known = agreement_of(pair, np.asarray(job.shown.dynamics.fields), job.settings)
        job.queue.least = max(0.0, (known or 0.0) - _AS_GOOD)
    yield
    from napari_latentdyn.core.training.fit import fit

    generator = (job.fit or fit)(pair, job.settings, should_stop=job.stop.is_set, resume=resume)
    try:
        dynamics = yield from mapped(generator, job.queue.post, pause=_YIELD_SECONDS)
    except Stopped:
        if job.is_preview:
            return Failure(_NO_PREVIEW, cancelled=True)
        return Failure("Stopped before anything was learned; nothing changed.", cancelled=True)
    del generator
    dynamics.placement = job.first.placement.to_report()
    if job.abort.is_set():
        return _without_frames(job, dynamics, mark, resume is not None)
    try:
        rendered = _render(dynamics, job)
    except Exception as error:  # noqa: BLE001 - what was learned is kept, whatever it is
        # Rendering that is asked to stop says so by an exception of its own.
        problem = "" if job.abort.is_set() else describe(error, "The rendering failed")
        return _without_frames(job, dynamics, mark, resume is not None, problem)
    if rendered is None:
        return _without_frames(job, dynamics, mark, resume is not None)
    return Outcome(dynamics, mark, rendered, resume is not None)


def _without_frames(
    job: Job, dynamics: Dynamics, mark: str, resumed: bool, problem: str = ""
) -> Outcome | Failure:
    if job.is_preview:
        # Nothing was learned that would be worth being kept.
        return Failure(problem or _NO_PREVIEW, cancelled=not problem)
    return Outcome(dynamics, mark, None, resumed, problem)


def _render(dynamics: Dynamics, job: Job) -> Rendered | None:
    from napari_latentdyn.viewer.layers import result_layers

    began = time.perf_counter()
    times = np.asarray(dynamics.times(), dtype=float)
    frames = dynamics.frames(times, should_stop=job.abort.is_set, on_frame=job.queue.post_rendering)
    latents = None
    if job.settings.output.latents:
        latents = dynamics.latents(times, should_stop=job.abort.is_set)
    confidence = None
    if job.settings.output.confidence:
        confidence = dynamics.confidence(times, should_stop=job.abort.is_set)
    if job.abort.is_set():
        return None
    images = job.settings.images
    interval = None
    if images.interval is not None:
        interval = {"value": images.interval, "unit": images.interval_unit}
    tuples = result_layers(
        frames=np.asarray(frames),
        times=times,
        velocity=np.asarray(dynamics.fields),
        field_times=np.asarray(dynamics.field_times, dtype=float),
        settings=job.settings,
        report={**dynamics.report, "inputs": job.inputs(), "interval": interval},
        placement=job.first.placement,
        run_id=job.run_id,
        name=scene_name(job.first, job.last),
        latents=latents,
        confidence=confidence,
    )
    seconds = time.perf_counter() - began
    return Rendered(np.asarray(frames), times, tuples, latents, confidence, seconds)


def describe(error: Exception, what: str) -> str:
    """Return one sentence on any error, without its traceback, which may hold much memory."""
    if isinstance(error, UserError):
        return str(error)
    text = " ".join(str(error).split())
    out_of_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if out_of_memory or any(words in text.lower() for words in _NO_MEMORY):
        return (
            "The memory is not sufficient for these settings: use a smaller batch or patch size, "
            "or another device."
        )
    first = text.split(". ")[0].rstrip(".") or "no reason was given"
    if len(first) > 200:
        first = first[:199] + "…"
    return f"{what} with {type(error).__name__}: {first}."


def fingerprint(*arrays: NDArray[Any]) -> str:
    """Return a hash of the type, shape and values of arrays."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def look_for_devices() -> tuple[list[Device], str]:
    """List the devices, and say why a GPU is not used; imports PyTorch."""
    try:
        from napari_latentdyn.core.networks.device import cuda_note, list_devices, warm_up

        # What a training imports comes along: libraries that load hold the interpreter, which a
        # window that waits for its user bears better than one that shows a training.
        importlib.import_module("napari_latentdyn.core.training.fit")
        warm_up()
        return list_devices(), cuda_note()
    except (ImportError, OSError, RuntimeError) as error:
        return [], f"PyTorch cannot be used: {' '.join(str(error).split())[:200]}"
