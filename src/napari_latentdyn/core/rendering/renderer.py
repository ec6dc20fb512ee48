"""Whole-image results of a trained model, window by window and without seams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_latentdyn.core.knowledge.regions import extended
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import Window, blend_weights, tiles
from napari_latentdyn.core.physics.limiter import in_units
from napari_latentdyn.core.physics.sampling import pixel_grid
from napari_latentdyn.core.rendering.correction import Correction, correction_terms
from napari_latentdyn.core.rendering.deviation import frame_std
from napari_latentdyn.core.rendering.ends import Ends, spread_without_motion, without_motion
from napari_latentdyn.core.rendering.extracted import extracted_fields
from napari_latentdyn.core.rendering.fusion import (
    Carried,
    agreement,
    border_weight,
    fuse,
    is_seen,
    scatter,
    visibility,
)
from napari_latentdyn.core.rendering.meeting import Coefficients, Meetings
from napari_latentdyn.core.rendering.members import Member, MemberFields, ensemble_members
from napari_latentdyn.core.rendering.states import States, WindowStates
from napari_latentdyn.errors import Stopped

__all__ = ["Renderer"]

OnProgress = Callable[[int, int], None]
Wanted = Literal["frames", "latents", "confidence", "deviation", "terms"]
#: Arrays that compare the states of members and ends.
_COMPARED = ("confidence", "deviation")
#: Margin in pixels of windows without networks, for the smoothing of visibility and scatter, and
#: the side of these windows: larger ones exceed the caches of a processor.
_MARGIN, _SIDE, _SIDE_ELSEWHERE = 12, 512, 2048


class Renderer:
    """Computes fields, frames and latent states of a whole image.

    Networks work on overlapping windows whose results are blended. States are encoded
    around the beginnings of the paths of a window, so that memory depends on the size of
    the window and on the displacements, and not on the size of the image.

    Parameters
    ----------
    model : LatentDynamics
        The networks, on the device of the computation.
    observations : Observations
        The images.
    ensemble : Ensemble, optional
        Initial velocities half way of the members. The fields of each member are its
        initial ones plus the trained change of the consensus, where that fits.
    trained : bool
        False if the fields are the initial ones of the consensus.
    correction, coefficients : optional
        Change of the frames learned from hidden images, and coefficients of the equation.
    should_stop : callable, optional
        Called between two windows; true raises `Stopped`.
    """

    def __init__(
        self,
        model: LatentDynamics,
        observations: Observations,
        *,
        ensemble: Ensemble | None = None,
        trained: bool = True,
        correction: Correction | None = None,
        coefficients: Coefficients | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self.model = model.eval()
        self.observations = observations
        self.device = next(model.parameters()).device
        self.should_stop = should_stop or (lambda: False)
        output = model.settings.output
        self.windows = tiles(observations.shape, output.window, output.overlap)
        side = _SIDE if self.device.type == "cpu" else _SIDE_ELSEWHERE
        #: Windows that are not blended, because without networks their results are equal.
        self._apart = tiles(observations.shape, side, 0.0)
        self._ends = Ends(self.model, observations)
        outside = observations.known.regions.outside
        self._interest = None if outside is None else ~outside
        self._blocked = self._still = observations.known.regions.blocked_between
        if self._blocked is not None and self._interest is not None:
            self._still = self._blocked & self._interest
        several = ensemble is not None and len(ensemble.velocities) > 1
        # Transport by stages would blur the states of all members.
        several &= model.settings.physics.transport == "characteristics"
        self._ensemble = ensemble if several else None
        self._trained = trained
        self._correction = correction
        self._coefficients = coefficients or {}

    @torch.no_grad()
    def fields(
        self, start: NDArray[np.float32], on_progress: OnProgress | None = None
    ) -> NDArray[np.float32]:
        """Return the advection fields, shape (n, 2, H, W), in pixels per stage.

        Parameters
        ----------
        start : ndarray of float32, shape (n, 2, H, W)
            Initial fields in pixels per stage.
        on_progress : callable, optional
            Called with the number of finished windows and that of all windows.
        """
        start = extended(start, self._blocked)
        ends, windows = self._ends, self.windows
        found = extracted_fields(self.model, ends, windows, start, self._check, on_progress)
        if self._blocked is not None:
            found[..., self._blocked] = 0.0
        return found

    def frames(
        self,
        fields: NDArray[np.float32],
        times: Sequence[float],
        on_progress: OnProgress | None = None,
    ) -> NDArray[np.float32]:
        """Return frames at any times, shape (T, C, H, W), in the units of the images.

        If images have missing pixels, places that neither image contains are NaN.

        Parameters
        ----------
        fields : ndarray of float32, shape (n, 2, H, W)
            Advection fields in pixels per stage.
        times : sequence of float
            Fractions of the interval in [0, 1].
        on_progress : callable, optional
            Called with the number of finished steps and that of all steps.
        """
        return self.blend("frames", fields, times, on_progress)

    def confidence(
        self,
        fields: NDArray[np.float32],
        times: Sequence[float],
        on_progress: OnProgress | None = None,
    ) -> NDArray[np.float32]:
        """Return the confidence at any times, shape (T, 1, H, W); arguments as in `frames`."""
        return self.blend("confidence", fields, times, on_progress)

    def terms(
        self, fields: NDArray[np.float32], time: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Return a normalised frame (C, H, W), its `correction_terms` and variance (H, W)."""
        every = self.blend("terms", fields, [time], None)[0]
        frame, *terms = every[:-1].reshape(4, -1, *every.shape[1:])
        return frame, np.stack(terms), every[-1]

    @torch.no_grad()
    def blend(
        self,
        wanted: Wanted,
        fields: NDArray[np.float32],
        times: Sequence[float],
        on_progress: OnProgress | None,
    ) -> NDArray[np.float32]:
        """Return frames, latent states (T, c, H, W) or others (T, 1, H, W); see `frames`.

        The deviation is the standard deviation of the frames in normalised intensity.
        """
        alone, transport = self.model.is_image_alone, self.model.transport
        # Confidence compares the images alone where the state keeps them.
        kept = wanted == "confidence" and self.model.settings.model.image_in_latent
        learned = not (alone or kept or wanted == "deviation")
        colours = self.observations.channels
        latent = self.model.latent_channels if learned else colours
        sizes = {"latents": latent, "confidence": 1, "deviation": 1, "terms": 4 * colours + 1}
        channels = sizes.get(wanted, colours)
        shape = self.observations.shape
        total = np.zeros((len(times), channels, *shape), np.float32)
        weight = np.zeros(shape, np.float32)
        missing = np.zeros((len(times), *shape), bool)
        velocity = torch.from_numpy(extended(fields, self._blocked))[None].to(self.device)
        members: list[Member] = [MemberFields(velocity, transport.paths)]
        if self._ensemble is not None:
            members = ensemble_members(
                self._ensemble, velocity, self.model, self._with if self._trained else None
            )
        self._is_image_alone, self._only_valid = not learned, wanted in _COMPARED
        self._both = wanted == "deviation"
        margin = _MARGIN + (equation := transport.equation).reach(self._coefficients)
        done, windows = 0, self.windows if learned else self._apart
        for part in windows:
            if self._interest is not None and not self._interest[part.slices].any():
                continue
            share = blend_weights(part, shape) if learned else np.float32(1)
            window = part if learned else part.grown(margin, shape)
            inner = part.within(window)
            bounds = self._ends.bounds(window)
            states = WindowStates(self.model, self._ends.images, window, *bounds, learned)
            for i, time in enumerate(times):
                self._check()
                carried, seen = self._carry(window, members, velocity, time, states)
                # The member without motion must not fill holes of both images; outside the
                # border the mean of all other members is the best estimate.
                shares = [
                    m.share if m.moves else m.share * is_seen(ends)
                    for m, ends in zip(members, carried, strict=True)
                ]
                if wanted == "confidence":
                    state = agreement(carried, shares, self.model.compared)
                elif wanted == "deviation":
                    shown = int(time) if alone and time in equation.ends else None
                    state = frame_std(carried, shares, self.model.compared, shown)
                elif wanted == "latents":
                    meet = Meetings(time, self._ends.zeros(*bounds), self._coefficients)
                    state = fuse(carried, shares, equation, meet, colours)
                else:
                    state = self._frame(carried, shares, window, bounds, time, wanted == "terms")
                values = state[(0, slice(None), *inner.slices)].cpu().numpy()
                total[(i, slice(None), *part.slices)] += values * share
                missing[(i, *part.slices)] |= ~seen[(0, 0, *inner.slices)].cpu().numpy()
                done += 1
                if on_progress is not None:
                    on_progress(done, len(windows) * len(times))
            weight[part.slices] += share
        total /= np.where(weight > 0, weight, 1)
        if self._interest is not None:
            missing |= ~self._interest
        if wanted in _COMPARED:
            total[missing[:, None]] = 0.0 if wanted == "confidence" else np.nan
            if self._still is not None:
                spread = spread_without_motion(self.observations, times, self._still)
                total[:, 0, self._still] = spread if wanted == "deviation" else 1.0
        if wanted != "frames":
            return total
        limiter = self.model.settings.physics.limiter and equation.bounded
        result = in_units(self.observations, total, times, limiter=limiter)
        if missing.any() and not (self._ends.complete and self._interest is None):
            result[np.broadcast_to(missing[:, None], result.shape)] = np.nan
        if self._still is not None:
            result[..., self._still] = without_motion(self.observations, times, self._still)
        return result

    def _frame(
        self,
        carried: list[list[Carried]],
        shares: list[float | Tensor],
        window: Window,
        bounds: tuple[Tensor, Tensor],
        time: float,
        with_terms: bool,
    ) -> Tensor:
        """Return a normalised frame, corrected or followed by its terms and variance."""
        correct = with_terms or self._correction is not None
        # `fuse` uses the memory of the states.
        variance = scatter(carried, shares, self.model.compared) if correct else None
        meet = Meetings(time, self._ends.zeros(*bounds), self._coefficients)
        state = fuse(carried, shares, self.model.transport.equation, meet, self.model.channels)
        frame = self.model.decode(state) * bounds[1] + bounds[0]
        if variance is None:
            return frame
        still = torch.lerp(*self._ends.crop(window), time)
        terms = correction_terms(frame, still, variance, time)
        if with_terms:
            return torch.cat([frame, *terms, variance], dim=1)
        assert self._correction is not None
        return frame + self._correction.apply(terms)

    def _with(self, start: Tensor, trained: Tensor) -> Tensor:
        """Add a trained change to the initial fields of a member where the sum fits better."""
        if not self.model.settings.training.keep_better:
            return start + trained
        low, span = self._ends.bounds()
        first, last = ((image - low) / span for image in self._ends.whole)
        ends = first, last, start, start + trained, self._ends.zeros(low, span)
        return self.model.keep_better(*ends)

    def _carry(
        self,
        window: Window,
        members: list[Member],
        velocity: Tensor,
        time: float,
        states: WindowStates,
    ) -> tuple[list[list[Carried]], Tensor]:
        """Return the states of each member at a time, and where at least one image is shown.

        Places outside the border have the value of the border and are valid.
        """
        transport, settings = self.model.transport, self.model.settings.physics
        at = (0.5, 0.5) if self._both else transport.equation.shares(time)
        grid = pixel_grid(window.height, window.width, y=window.y, x=window.x, device=self.device)
        shown = torch.zeros_like(grid[:, :1], dtype=torch.bool)
        carried: list[list[Carried]] = []
        for member in members:
            ends = []
            seen_by = [end for end, share in enumerate(at) if share > 0.0]
            for end, places in zip(seen_by, member.places(window, time, seen_by), strict=True):
                here = states.near(end, places)
                state = here.at(window)
                if member.moves:
                    state = self._carried(end, window, velocity, time, here, places)
                there, known = self._ends.seen(end, places, valid=self._only_valid)
                if member.moves:
                    # The member without motion does not count: see `blend`.
                    shown |= known
                sure = there.float()
                if settings.border == "exclude":
                    sure = sure * border_weight(places, grid, self.observations.shape)
                if settings.visibility:
                    sure = sure * visibility(places)
                ends.append(Carried(state, sure, at[end], places))
            carried.append(ends)
        return carried, shown

    def _carried(
        self,
        end: int,
        window: Window,
        velocity: Tensor,
        time: float,
        here: States,
        places: Tensor,
    ) -> Tensor:
        """Return the latent state of an observation, carried to a time in a window."""
        low, span = self._ends.bounds(window)
        zero = self._ends.zeros(low, span)[end]
        if self.model.settings.physics.transport == "characteristics":
            offset = places.new_tensor(here.origin).view(1, 2, 1, 1)
            state = here.interpolant if self._is_image_alone else here.state
            return self.model.carry(state, velocity, end, time, places - offset, zero)
        y, x = here.origin
        height, width = here.state.shape[-2:]
        local = velocity[..., y : y + height, x : x + width]
        state = self.model.carry(here.state, local, end, time, places, zero)
        return States(state, here.origin).at(window)

    def _check(self) -> None:
        if self.should_stop():
            raise Stopped
