"""Networks, ensembles and the state of a training, from which frames are computed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.dynamics.checkpoint import Checkpoint, joined, model_weights
from napari_latentdyn.core.dynamics.intervals import Rendered
from napari_latentdyn.core.dynamics.uncertainty import half_way_std, stage_std
from napari_latentdyn.core.matching.ensemble import Ensemble, StoredEnsembles
from napari_latentdyn.core.networks.device import resolve, use_threads
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.moving import moving_part
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.rendering import coefficients as stored
from napari_latentdyn.core.rendering.correction import Correction
from napari_latentdyn.core.rendering.meeting import Coefficients
from napari_latentdyn.core.rendering.renderer import Renderer
from napari_latentdyn.core.runfolder.folder import read_model
from napari_latentdyn.core.runfolder.members import MODEL, reading
from napari_latentdyn.core.runfolder.report import REPORT, damaged
from napari_latentdyn.core.runfolder.schema import RunReport
from napari_latentdyn.errors import RunFolderError, Stopped, is_out_of_memory, no_memory
from napari_latentdyn.files import archive
from napari_latentdyn.files.tensors import TensorFile
from napari_latentdyn.settings import Settings

__all__ = ["Fitted", "read_correction"]

_CORRECTION = "correction"


@dataclass(frozen=True, eq=False)
class Fitted:
    """Networks, on the CPU, ensembles of the K - 1 intervals, and the state to continue from.

    Training moves all members of an ensemble alike. The correction of frames was learned from
    hidden images of a series. The equation may have coefficients in each interval; none if empty.
    """

    model: LatentDynamics
    ensembles: Sequence[Ensemble]
    checkpoint: Checkpoint | None = None
    correction: Correction | None = None
    coefficients: Sequence[Coefficients] = ()
    # Threads draw one after the other: each moves the networks to the device and back.
    _lock: Any = field(default_factory=threading.Lock, init=False, repr=False)

    def render(
        self,
        what: Rendered,
        observations: Observations,
        fields: NDArray[np.float32],
        times: NDArray[np.float64],
        settings: Settings,
        should_stop: Callable[[], bool] | None = None,
        on_frame: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """Compute frames (T, C, H, W), latent states (T, c, H, W) or others (T, 1, H, W).

        Others are the confidence, and the standard deviation of frames in normalised intensity.
        `fields` ((K - 1) n, 2, H, W) are in pixels per stage, `times` in the unit of the
        observations; device and threads of the settings are used, and `should_stop` and
        `on_frame` are those of `Dynamics.frames`. OutOfMemoryError if a window does not fit
        into the memory.
        """
        with self._lock:
            return self._render(what, observations, fields, times, settings, should_stop, on_frame)

    def _render(
        self,
        what: Rendered,
        observations: Observations,
        fields: NDArray[np.float32],
        times: NDArray[np.float64],
        settings: Settings,
        should_stop: Callable[[], bool] | None,
        on_frame: Callable[[int, int], None] | None,
    ) -> NDArray[np.float32]:
        use_threads(settings.training.threads)
        device = resolve(settings.training.device)
        interval, fraction = observations.locate(times)
        stages = len(fields) // (len(observations) - 1)
        found: NDArray[np.float32] | None = None
        done = 0
        try:
            self.model.to(device)
            for k in np.unique(interval):
                renderer = Renderer(
                    self.model,
                    observations.interval(int(k)),
                    ensemble=self.ensembles[k],
                    trained=self._is_trained(settings),
                    correction=self.correction,
                    coefficients=self.coefficients[k] if self.coefficients else None,
                    should_stop=should_stop,
                )
                # Times may be in any order.
                chosen = np.flatnonzero(interval == k)
                tell = on_frame and _share(on_frame, done, len(times), len(chosen))
                own = fields[k * stages : (k + 1) * stages]
                part = renderer.blend(what, own, fraction[chosen].tolist(), tell)
                if found is None:
                    found = np.empty((len(times), *part.shape[1:]), part.dtype)
                found[chosen] = part
                done += len(chosen)
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                remedy = "choose a smaller window under Output, or fewer frames"
                raise no_memory(device.type, "to render the frames", remedy) from None
            raise
        finally:
            self.model.to("cpu")
        assert found is not None
        return found

    def velocity_std(
        self,
        observations: Observations,
        fields: NDArray[np.float32],
        chosen: NDArray[np.intp],
        settings: Settings,
        should_stop: Callable[[], bool] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return standard deviations of stages, (T, H, W) in pixels per stage, and where measured.

        `fields` ((K - 1) n, 2, H, W) are in pixels per stage, `chosen` (T,) numbers of stages.
        """
        use_threads(settings.training.threads)
        device, count = resolve(settings.training.device), len(fields) // (len(observations) - 1)
        std = np.empty((len(chosen), *fields.shape[2:]), np.float32)
        measured = np.empty(std.shape, bool)
        for k in np.unique(chosen // count).tolist():
            if should_stop is not None and should_stop():
                raise Stopped
            own, pair = fields[k * count : (k + 1) * count], moving_part(observations.interval(k))
            blocked, outside = pair.known.regions.blocked_between, pair.known.regions.outside
            known = half_way_std(pair, self.ensembles[k], own, settings.physics.motion, device)
            for number in np.flatnonzero(chosen // count == k):
                std[number], measured[number] = stage_std(known, own, int(chosen[number] % count))
                if blocked is not None:
                    std[number, blocked], measured[number, blocked] = 0.0, True
                if outside is not None:
                    std[number, outside], measured[number, outside] = np.nan, False
        return std, measured

    def for_images(
        self, images: Observations, fields: NDArray[np.float32], settings: Settings
    ) -> Fitted:
        """Return the same motion for other images of the scene, without trained networks.

        Members are not changed by a training: it depends on the images where a change is taken.
        `fields` ((K - 1) n, 2, H, W) are in pixels per stage.
        """
        ensembles = self.ensembles
        if self._is_trained(settings):
            ensembles = tuple(Ensemble.equal(one.centre[None]) for one in ensembles)
        # The capacity is in the units of the images that it was given for.
        alone = settings.updated({"model.image_in_latent": True, "physics.capacity": None})
        model = LatentDynamics(images.channels, alone)
        known = stored.fit_all(model.transport.equation, images, fields, model)
        return replace(self, model=model, ensembles=ensembles, correction=None, coefficients=known)

    def _is_trained(self, settings: Settings) -> bool:
        """Whether the fields may differ from the initial ones."""
        initial = settings.model.initial_fields in ("extracted", "matched")
        return self.checkpoint is None or self.checkpoint.step > 0 or not initial

    def to_arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return all arrays by name, as `read` takes them; ensembles are read when used."""
        learned: dict[str, NDArray[Any]] = {}
        if self.correction is not None:
            learned[_CORRECTION] = self.correction.to_array()
        learned |= stored.to_arrays(self.coefficients)
        if self.checkpoint is not None:
            return joined(learned, self.checkpoint.to_arrays())
        arrays = {f"model.{n}": value.numpy() for n, value in self.model.state_dict().items()}
        return joined(arrays | learned, Ensemble.many_to_arrays(self.ensembles))

    @classmethod
    def read(
        cls,
        folder: Path,
        settings: Settings,
        report: RunReport,
        observations: Observations,
        fields: NDArray[np.float32],
    ) -> Fitted:
        """Read the networks of a run folder, and check that they belong to its other files."""
        tensors = read_model(folder)
        with reading(folder, MODEL):
            return cls._of(folder, tensors, settings, report, observations, fields)

    @classmethod
    def _of(
        cls,
        folder: Path,
        tensors: TensorFile,
        settings: Settings,
        report: RunReport,
        observations: Observations,
        fields: NDArray[np.float32],
    ) -> Fitted:
        weights = model_weights(tensors)
        intervals = len(observations) - 1
        model = _model(folder, settings, observations.channels, weights)
        if settings.model.stages * intervals != len(fields):
            raise RunFolderError(_unfit(folder))
        ensembles = _ensembles(folder, tensors, fields.reshape(intervals, -1, *fields.shape[1:]))
        checkpoint = None
        if Checkpoint.is_in(tensors):
            if report.steps is None or report.seconds is None:
                lacks = "steps" if report.steps is None else "seconds"
                raise RunFolderError(damaged(folder, REPORT, f"lacks '{lacks}'"))
            checkpoint = Checkpoint.from_arrays(
                tensors,
                step=report.steps,
                history=[
                    {name: value for name, value in entry.items() if value is not None}
                    for entry in report.loss_history or []
                ],
                seconds=report.seconds,
                ensembles=ensembles,
            )
        coefficients = stored.from_arrays(tensors, model.transport.equation, observations)
        correction = read_correction(folder, tensors)
        return cls(model, ensembles, checkpoint, correction, coefficients)


def read_correction(
    folder: Path, tensors: Mapping[str, NDArray[Any]] | None = None
) -> Correction | None:
    """Return the correction of a run folder, from its tensors if they were read already."""
    known = read_model(folder) if tensors is None else tensors
    if _CORRECTION not in known:
        return None
    with reading(folder, MODEL):
        values = known[_CORRECTION]
    if values.shape != (3,) or not np.isfinite(values).all():
        raise RunFolderError(damaged(folder, MODEL, "holds an invalid correction of frames"))
    return Correction.from_array(values)


def _share(
    on_frame: Callable[[int, int], None],
    done: int,
    times: int,
    here: int,
) -> Callable[[int, int], None]:
    """Return a function that reports the progress of one interval as a part of all."""
    return lambda step, total: on_frame(
        round(total * (done + here * step / total) / here), round(total * times / here)
    )


def _unfit(path: Path) -> str:
    return (
        f"the model in {path} does not fit its settings: one of the files was "
        "changed or comes from another version; train again from its images."
    )


def _model(
    path: Path, settings: Settings, channels: int, weights: dict[str, Tensor]
) -> LatentDynamics:
    # Networks of this shape are only built where there are weights for them.
    with torch.device("meta"):
        wanted = LatentDynamics(channels, settings).state_dict()
    if {n: v.shape for n, v in wanted.items()} != {n: v.shape for n, v in weights.items()}:
        raise RunFolderError(_unfit(path))
    if not all(bool(torch.isfinite(value).all()) for value in weights.values()):
        raise RunFolderError(damaged(path, MODEL, "holds weights that are not finite"))
    model = LatentDynamics(channels, settings)
    model.load_state_dict(weights)
    return model


def _ensembles(path: Path, tensors: TensorFile, fields: NDArray[np.float32]) -> Sequence[Ensemble]:
    """Return the ensemble of each interval of fields (K - 1, n, 2, H, W)."""
    # Arrays that take no memory show whether the shapes fit.
    hollow = {name: np.broadcast_to(np.float32(0), tensors.shapes[name]) for name in tensors}
    try:
        ensembles = Ensemble.many_from_arrays(hollow)
    except (ValueError, TypeError, IndexError, RuntimeError):
        raise RunFolderError(damaged(path, MODEL, "holds members of another shape")) from None
    if not ensembles:
        return tuple(Ensemble.equal(part.sum(axis=0)[None]) for part in fields)
    if len(ensembles) != len(fields) or not all(_fits(one, fields.shape[2:]) for one in ensembles):
        raise RunFolderError(damaged(path, MODEL, "holds members of another shape"))
    if len(ensembles) > 1 and tensors.path.stat().st_size > archive.MAPPED:

        def read(number: int) -> Ensemble:
            with reading(path, MODEL):
                return _checked(path, Ensemble.one_from_arrays(tensors, number))

        return StoredEnsembles(len(ensembles), read)
    return tuple(_checked(path, one) for one in Ensemble.many_from_arrays(tensors))


def _fits(ensemble: Ensemble, plane: tuple[int, ...]) -> bool:
    """Return whether the arrays of an ensemble have the shapes of fields (2, H, W)."""
    course = ensemble.course
    return (
        ensemble.velocities.shape[1:] == plane
        and ensemble.centre.shape == plane
        and (course is None or course.acceleration.shape == course.jerk.shape == plane)
        and ensemble.weights.shape == (len(ensemble.velocities),)
        and len(ensemble.velocities) > 0
    )


def _checked(path: Path, ensemble: Ensemble) -> Ensemble:
    """Return an ensemble of a file with values that can be used."""
    course, weights = ensemble.course, np.append(ensemble.weights, np.float32(ensemble.still))
    if course is not None and not course.fits(ensemble.centre.shape):
        raise RunFolderError(damaged(path, MODEL, "holds members of another shape"))
    finite = (np.isfinite(part).all() for part in (ensemble.velocities, ensemble.centre, weights))
    if not all(finite) or weights.min() < 0 or weights.sum() <= 0:
        raise RunFolderError(
            damaged(path, MODEL, "holds members with invalid velocities or weights")
        )
    return ensemble
