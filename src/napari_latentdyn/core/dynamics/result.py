"""The result of a fit: frames at any time, advection fields, latent states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_latentdyn.core.dynamics.checkpoint import Checkpoint
from napari_latentdyn.core.dynamics.derived import Derived
from napari_latentdyn.core.dynamics.reporting import describe_inputs, interval_of
from napari_latentdyn.core.dynamics.restore import restore
from napari_latentdyn.core.dynamics.trajectories import checked_times
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.networks.device import is_out_of_memory, resolve, use_threads
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.pair import ImagePair
from napari_latentdyn.core.rendering.renderer import Renderer
from napari_latentdyn.core.runfolder import folder as runfolder
from napari_latentdyn.errors import OutOfMemoryError
from napari_latentdyn.settings import Settings

__all__ = ["Dynamics", "frame_times"]


class Dynamics(Derived):
    """What was learned of the dynamics between two images.

    Attributes
    ----------
    pair : ImagePair
        The images.
    settings : Settings
        All settings of the fit.
    model : LatentDynamics
        The trained networks, on the CPU.
    fields : ndarray of float32, shape (n, 2, H, W)
        Advection fields (dy, dx) in pixels per stage.
    report : dict
        What was done: version, seed, device, steps, seconds, losses.
    ensemble : Ensemble
        Initial velocities half way, one for each member, and how much each
        counts; training moves all of them alike.
    checkpoint : Checkpoint or None
        State to go on training from.
    placement : mapping or None
        Scale, translation, units and so on of the images, as a report has them;
        None where no scale is known.
    """

    def __init__(
        self,
        pair: ImagePair,
        settings: Settings,
        model: LatentDynamics,
        fields: NDArray[np.float32],
        report: dict[str, Any],
        ensemble: Ensemble | None = None,
        checkpoint: Checkpoint | None = None,
        placement: Mapping[str, Any] | None = None,
    ) -> None:
        self.pair = pair
        self.settings = settings
        self.model = model
        self.fields = fields
        self.report = report
        self.ensemble = ensemble or Ensemble.equal(fields.sum(axis=0)[None])
        self.checkpoint = checkpoint
        self.placement = placement

    @property
    def field_times(self) -> NDArray[np.float64]:
        """Start of each stage as a fraction of the interval, shape (n,)."""
        return np.arange(len(self.fields)) / len(self.fields)

    def times(self) -> NDArray[np.float64]:
        """Return the times of the frames that the settings ask for, both ends included."""
        return frame_times(self.settings)

    def frames(
        self,
        times: ArrayLike | None = None,
        *,
        should_stop: Callable[[], bool] | None = None,
        on_frame: Callable[[int, int], None] | None = None,
    ) -> NDArray[np.float32]:
        """Return frames at any times.

        Parameters
        ----------
        times : array_like of float, optional
            Fractions of the interval in [0, 1]; those of `times` by default.
        should_stop : callable, optional
            Asked now and then; true raises `errors.Stopped`.
        on_frame : callable, optional
            Called with the pieces of work done and all of them.

        Returns
        -------
        ndarray of float32, shape (T, H, W), or (T, C, H, W) for several channels
            In the units of the images; NaN where neither image shows a place.

        Raises
        ------
        SettingsError
            If a time lies outside of [0, 1].
        OutOfMemoryError
            If a window does not fit into the memory.
        """
        frames = self._render("frames", times, should_stop, on_frame)
        return frames if self.pair.multichannel else frames[:, 0]

    def latents(
        self,
        times: ArrayLike | None = None,
        *,
        should_stop: Callable[[], bool] | None = None,
    ) -> NDArray[np.float32]:
        """Return the latent states at any times, shape (T, c, H, W); as `frames`.

        Where no network was trained, the state is the image alone.
        """
        return self._render("latents", times, should_stop, None)

    def confidence(
        self,
        times: ArrayLike | None = None,
        *,
        should_stop: Callable[[], bool] | None = None,
    ) -> NDArray[np.float32]:
        """Return how far frames can be trusted, shape (T, H, W), from 0 to 1.

        Compared are the states that each member carries from each end to the
        same place: where all agree, the confidence is 1; it is 0.5 where they
        scatter by 5 % of the intensity range.

        Parameters
        ----------
        times : array_like of float, optional
            Fractions of the interval in [0, 1]; those of `times` by default.
        should_stop : callable, optional
            Asked now and then; true raises `errors.Stopped`.
        """
        return self._render("confidence", times, should_stop, None)[:, 0]

    def _render(
        self,
        what: str,
        times: ArrayLike | None,
        should_stop: Callable[[], bool] | None,
        on_frame: Callable[[int, int], None] | None,
    ) -> NDArray[np.float32]:
        chosen = self.times() if times is None else checked_times(times)
        use_threads(self.settings.training.threads)
        device = resolve(self.settings.training.device)
        try:
            self.model.to(device)
            renderer = Renderer(
                self.model, self.pair, ensemble=self.ensemble, should_stop=should_stop
            )
            result: NDArray[np.float32] = getattr(renderer, what)(
                self.fields, chosen.tolist(), on_frame
            )
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise OutOfMemoryError(
                    "the memory is too small to draw the frames: choose a smaller window under "
                    "Output, or fewer frames."
                ) from None
            raise
        finally:
            self.model.to("cpu")
        return result

    def save(
        self,
        folder: str | Path,
        *,
        times: ArrayLike | None = None,
        frames: NDArray[np.float32] | None = None,
        latents: NDArray[np.float32] | None = None,
        confidence: NDArray[np.float32] | None = None,
        inputs: dict[str, Any] | None = None,
        placement: dict[str, Any] | None = None,
        overwrite: bool = False,
        frames_complete: bool = True,
    ) -> Path:
        """Write a run folder, complete or not at all.

        Parameters
        ----------
        folder : path
            Where to write; an earlier run folder there is replaced only with
            `overwrite`.
        times : array_like of float, optional
            Times of the frames as fractions; those of `times` by default.
        frames : ndarray, shape (T, H, W) or (T, C, H, W), optional
            The frames at these times, if they were computed already.
        latents : ndarray, shape (T, c, H, W), optional
        confidence : ndarray, shape (T, H, W), optional
            The same of what else the settings ask for.
        inputs : dict, optional
            What else is known of the inputs, {"first": {"name": ..., "dtype":
            ..., "rgb": ...}, "last": {...}}; what the report says by default.
        placement : dict, optional
            Scale, translation, units and so on of the inputs; the attribute
            `placement` by default.
        overwrite : bool
            Replace an earlier run folder.
        frames_complete : bool
            Whether the frames are all that were asked for; noted in the report.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        RunFolderError
            If it cannot be written.
        """
        chosen = self.times() if times is None else checked_times(times)
        if frames is None:
            frames = self.frames(chosen)
        if latents is None and self.settings.output.latents:
            latents = self.latents(chosen)
        if confidence is None and self.settings.output.confidence:
            confidence = self.confidence(chosen)
        report = {
            **self.report,
            "inputs": describe_inputs(self.pair, inputs or self.report.get("inputs") or {}),
            "times": chosen.tolist(),
            "frames_complete": frames_complete,
            "placement": self.placement if placement is None else placement,
            "interval": interval_of(self.settings),
        }
        tensors: dict[str, NDArray[Any]]
        if self.checkpoint is not None:
            tensors = self.checkpoint.to_arrays()
        else:
            tensors = {f"model.{n}": v.numpy() for n, v in self.model.state_dict().items()}
            tensors |= self.ensemble.to_arrays()
        return runfolder.write_run(
            folder,
            frames=frames,
            times=chosen,
            velocity=self.fields,
            field_times=self.field_times,
            settings=self.settings,
            report=report,
            tensors=tensors,
            tensor_metadata={"channels": str(self.pair.channels)},
            inputs=self.pair.to_arrays(),
            latents=latents,
            confidence=confidence,
            overwrite=overwrite,
        )

    @classmethod
    def load(cls, folder: str | Path) -> Dynamics:
        """Read a run folder.

        Raises
        ------
        RunFolderError
            If it is damaged, incomplete, or of another version.
        """
        found = restore(folder)
        run = found.run
        return cls(
            found.pair,
            run.settings,
            found.model,
            run.velocity,
            {k: v for k, v in run.report.items() if k not in ("times", "placement")},
            found.ensemble,
            found.checkpoint,
            run.report.get("placement"),
        )


def frame_times(settings: Settings) -> NDArray[np.float64]:
    """Return the times of the frames that the settings ask for, both ends included."""
    output = settings.output
    if output.times is not None:
        return np.unique(np.array([0.0, *output.times, 1.0]))
    between = settings.model.stages - 1 if output.frames is None else output.frames
    return np.linspace(0.0, 1.0, between + 2)
