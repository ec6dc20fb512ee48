"""Steps of a large scene, tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_latentdyn.core.matching.consensus import weighted_median
from napari_latentdyn.core.matching.ensemble import Ensemble
from napari_latentdyn.core.matching.features import MemberParameters
from napari_latentdyn.core.matching.members import MARGIN, half_reach
from napari_latentdyn.core.matching.multigrid import prolong
from napari_latentdyn.core.matching.pair import MaskedPair
from napari_latentdyn.core.matching.pyramid import match_finer
from napari_latentdyn.core.networks.device import resolve, use_threads
from napari_latentdyn.core.networks.model import LatentDynamics
from napari_latentdyn.core.observations.images.arrays import single_keeps_digits
from napari_latentdyn.core.observations.images.windows import WindowedImage, open_windows
from napari_latentdyn.core.observations.intensities import bounds, fill, valid_pixels
from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.observations.patches import Window, covering
from napari_latentdyn.core.physics.course import stage_fields
from napari_latentdyn.core.physics.operators import halve
from napari_latentdyn.core.rendering.renderer import Renderer
from napari_latentdyn.core.scene.folder import SceneFolder
from napari_latentdyn.core.scene.pyramid import halved, level_shapes
from napari_latentdyn.core.scene.request import frame_shapes, tile_side
from napari_latentdyn.core.training.initial import reduced_velocities
from napari_latentdyn.errors import ObservationError, Stopped
from napari_latentdyn.generators import drain
from napari_latentdyn.settings import Settings

__all__ = ["Scene"]

#: Margin in pixels around a tile of frames, for interpolation and the transition at the border.
_DRAWN = 48
#: Number of pixels of each image from which its range of intensities is taken.
_SAMPLE = 1 << 21
_PIXEL = Window(0, 0, 1, 1)
#: Largest number of rows and columns of the stage fields that are kept for arrows.
_ARROWS = 256


class Scene:
    """A large scene in its folder.

    Parameters
    ----------
    path : Path
        Folder of the scene, which `SceneFolder.start` has made.
    images : pair of WindowedImage, optional
        Both images; by default those that the folder names.
    should_stop : callable, optional
        Called within a tile; true raises `Stopped`, and the tile is not done.
    """

    def __init__(
        self,
        path: Path,
        images: Sequence[WindowedImage] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self.folder = SceneFolder(path)
        self.request = self.folder.request()
        self.settings = Settings.model_validate(self.request.settings)
        self.shapes = level_shapes(self.request.shape, self.request.reduced)
        self._given = images
        self._should_stop = should_stop or (lambda: False)

    @cached_property
    def images(self) -> tuple[WindowedImage, WindowedImage]:
        """Both images."""
        if self._given is not None:
            return self._given[0], self._given[1]
        first, last = (open_windows(source) for source in self.request.images)
        return first, last

    @property
    def levels(self) -> int:
        """Number of levels that are matched tile by tile; that of the reduced scene."""
        return len(self.shapes) - 1

    @property
    def frame_shapes(self) -> list[tuple[int, int]]:
        """Sizes of the levels of the frames, full resolution first."""
        return frame_shapes(self.request)

    @property
    def tile(self) -> int:
        """Side of the tiles in pixels: a multiple of all steps between the levels."""
        return tile_side(self.request)

    def tiles(self, level: int) -> list[Window]:
        """Return the tiles of a level."""
        return covering(self.shapes[level], self.tile)

    def make_arrays(self) -> None:
        """Make the arrays in which tasks write."""
        count = len(self.tiles(0))
        channels = self.request.channels
        kind = "float64" if self.images[0].read(_PIXEL).dtype == np.float64 else "float32"
        for level in range(1, self.levels + 1):
            side = self.tile >> level
            shape = (2, channels, *self.shapes[level])
            self.folder.create(f"images/{level}", shape, (1, channels, side, side), kind)
        size = max(64, _SAMPLE // count)
        self.folder.create("sample", (count, 2, channels, size), (1, 2, channels, size), kind)

    def reduce(self, number: int) -> None:
        """Write the means of one tile of both images at all levels, and a sample of its pixels."""
        tile = self.tiles(0)[number]
        sample = self.folder.array("sample")
        for end in (0, 1):
            values = self._read(end, tile)
            chosen = np.random.default_rng((number, end)).integers(
                0, tile.height * tile.width, sample.shape[-1]
            )
            sample[number, end] = values.reshape(len(values), -1)[:, chosen]
            for level in range(1, self.levels + 1):
                values = halved(values)
                window = self._at(tile, level, values.shape[-2:])
                self.folder.array(f"images/{level}")[(end, slice(None), *window.slices)] = values

    def solve(self) -> Generator[tuple[float, int, str], None, None]:
        """Match the reduced scene as a whole, and keep the solution."""
        stored = self.folder.array(f"images/{self.levels}")
        first, last = stored[0], stored[1]
        observations = Observations.from_arrays(
            first, last, settings=self.settings.images, channel_axis=0
        )
        sample = np.moveaxis(self.folder.array("sample")[:], 2, 0)
        ends = [sample[:, :, end].reshape(len(sample), -1, 1) for end in (0, 1)]
        known = [np.isfinite(values).all(axis=0) for values in ends]
        if not all(seen.any() for seen in known):
            raise ObservationError("one of the images has hardly any valid pixel.")
        low, high = bounds(ends, known, self.settings.images.normalisation)
        observations = Observations(
            observations.times, observations.images, observations.valid, low, high, True
        )
        device = self._device()
        observations, ensemble, parameters = yield from reduced_velocities(
            observations, self.settings, device, finer=self.levels
        )
        stages, motion = self.settings.model.stages, self.settings.physics.motion
        fields = stage_fields(torch.from_numpy(ensemble.centre)[None], stages, motion)[0].numpy()
        # Arrows need no more places than a screen has.
        step = max(1, -(-max(self.shapes[-1]) // _ARROWS))
        thin = fields[..., step // 2 :: step, step // 2 :: step] * (1 << self.levels)
        numbers = [[p.intensity, p.contrast, p.sigma, p.stiffness] for p in parameters]
        kept = {
            "low": low,
            "high": high,
            "parameters": np.array(numbers),
            "fields": thin.astype(np.float32),
            "fields_step": np.array([step << self.levels]),
            "double": np.array([not all(map(single_keeps_digits, sample))]),
        }
        if observations.brightness is not None:
            kept["brightness"] = observations.brightness
        self.folder.save(ensemble.to_arrays() | kept)

    def make_velocities(self) -> None:
        """Make the arrays of the velocities, once the members are known."""
        count = len(self.ensemble.velocities)
        for level in range(self.levels):
            grid = self.shapes[max(level, 1)]
            side = self.tile >> (level == 0)
            self.folder.create(f"velocity/{level}", (count, 2, *grid), (count, 2, side, side))

    def match(self, level: int, number: int) -> None:
        """Improve the velocities of all members in one tile of a level.

        Those of full resolution are kept at every second pixel.
        """
        tile = self.tiles(level)[number]
        # Twice as large here as on the coarser level.
        reach = half_reach(2.0 * self._within(level + 1, tile))
        window = tile.grown(MARGIN + reach, self.shapes[level]).even()
        velocity = 2.0 * self._prolonged(level + 1, window)
        device = self._device()
        pair = self._pair(level, window, device)
        steps = match_finer(
            pair,
            velocity.to(device),
            self._parameters,
            self.settings.physics.motion,
            short=self.settings.model.refinement == "short",
            finest=level < 2,
        )
        found = drain(steps, self._check)
        inner = tile.within(window)
        if level == 0:
            # The margin is even, so that the pixels of the grid lie in the tile.
            found = halve(found)
            inner = self._at(inner, 1, tuple(-(-side // 2) for side in (tile.height, tile.width)))
            tile = self._at(tile, 1, (inner.height, inner.width))
        values = found[(..., *inner.slices)].cpu().numpy()
        self.folder.array(f"velocity/{level}")[(..., *tile.slices)] = values

    def render(self, number: int) -> None:
        """Draw one tile of all frames."""
        import zarr

        tile = self.tiles(0)[number]
        reach = 2 * half_reach(self._within(0, tile))
        window = tile.grown(_DRAWN + reach, self.request.shape).even()
        velocities = self._prolonged(0, window)
        observations = self._window(0, window)
        known = self.ensemble
        centre = weighted_median(velocities, torch.from_numpy(known.weights))
        ensemble = Ensemble(velocities.numpy(), known.weights, known.still, centre.numpy())
        stages, motion = self.settings.model.stages, self.settings.physics.motion
        fields = stage_fields(centre[None], stages, motion)[0].numpy()
        torch.manual_seed(0)
        model = LatentDynamics(self.request.channels, self.settings).to(self._device())
        if model.transport.equation.explains_brightness:
            observations = observations.with_brightness(None)
        renderer = Renderer(
            model, observations, ensemble=ensemble, trained=False, should_stop=self._should_stop
        )
        frames = renderer.frames(fields, self.request.times)
        inner = tile.within(window)
        target = zarr.open_array(str(self.folder.frames / "0"), mode="r+")
        values = frames[(..., *inner.slices)].astype(target.dtype)
        values = values if target.ndim == 4 else values[:, 0]
        target[(..., *tile.slices)] = values

    def coarsen(self, level: int, number: int) -> None:
        """Write one tile of a reduced level of the frames."""
        import zarr

        fine: Any
        coarse: Any
        fine, coarse = (
            zarr.open_array(str(self.folder.frames / str(k)), mode="r+") for k in (level - 1, level)
        )
        tile = covering(coarse.shape[-2:], self.tile)[number]
        rows, columns = (slice(2 * s.start, 2 * s.stop) for s in tile.slices)
        for time in range(coarse.shape[0]):
            coarse[(time, ..., *tile.slices)] = halved(fine[time, ..., rows, columns])

    @cached_property
    def _solution(self) -> dict[str, NDArray[Any]]:
        solution = self.folder.solution()
        assert solution is not None
        return solution

    @cached_property
    def ensemble(self) -> Ensemble:
        """The solution of the reduced scene."""
        return Ensemble.from_arrays(self._solution)

    @property
    def _parameters(self) -> list[MemberParameters]:
        return [MemberParameters(*row) for row in self._solution["parameters"].tolist()]

    def _check(self, _: None) -> None:
        if self._should_stop():
            raise Stopped

    def _device(self) -> torch.device:
        use_threads(self.settings.training.threads)
        return resolve(self.settings.training.device)

    def _velocities(self, level: int) -> Any:
        """Return the velocities of a level, as they are stored; of the reduced one, its solution.

        Each array has every second pixel of the next finer level, that of level 0 of the frames.
        """
        if level == self.levels:
            return self.ensemble.velocities
        return self.folder.array(f"velocity/{level}")

    def _within(self, level: int, tile: Window) -> torch.Tensor:
        """Return stored velocities in a tile of the next finer level, (M, 2, h, w)."""
        part = (..., *self._at(tile, 1, None).slices)
        return torch.from_numpy(np.asarray(self._velocities(level)[part], np.float32))

    def _prolonged(self, level: int, window: Window) -> torch.Tensor:
        """Return velocities stored at every second pixel of `window`, at all its pixels."""
        stored = self._velocities(level)
        wide = self._at(window, 1, None).grown(1, stored.shape[-2:])
        values = torch.from_numpy(np.asarray(stored[(..., *wide.slices)], np.float32))
        fine = prolong(values, (2 * wide.height, 2 * wide.width))
        top, left = window.y - 2 * wide.y, window.x - 2 * wide.x
        return fine[..., top : top + window.height, left : left + window.width].contiguous()

    def _pair(self, level: int, window: Window, device: torch.device) -> MaskedPair:
        observations = self._window(level, window)
        first, last = (image.mean(axis=0)[None] for image in observations.normalised())
        valid = (observations.valid[0], observations.valid[1])
        return MaskedPair.from_arrays((first, last), valid, device)

    def _window(self, level: int, window: Window) -> Observations:
        """Return a window of both images at a level, normalised like the whole scene."""
        if level == 0:
            images = np.stack([self._read(end, window) for end in (0, 1)])
        else:
            images = self.folder.array(f"images/{level}")[(..., *window.slices)]
        valid: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(images), axis=1)
        filled = [
            fill(image, seen) if seen.any() else np.zeros_like(image)
            for image, seen in zip(images, valid, strict=True)
        ]
        low, high = self._solution["low"], self._solution["high"]
        brightness = self._solution.get("brightness")
        return Observations(
            np.array([0.0, 1.0]), np.stack(filled), valid, low, high, True, brightness
        )

    def _read(self, end: int, window: Window) -> NDArray[np.floating[Any]]:
        """Return a window of an image, (C, h, w); pixels with any missing channel are NaN."""
        values = self.images[end].read(window)
        chosen = self.settings.images
        if chosen.channel is not None:
            values = values[chosen.channel][None]
        seen = valid_pixels(values, chosen.missing_value, None, "image", None)
        return np.where(seen, values, np.nan).astype(values.dtype, copy=False)

    def _at(self, tile: Window, level: int, size: tuple[int, ...] | None) -> Window:
        """Return a tile whose first pixel is even, in pixels that are 2^level times as large."""
        step = 1 << level
        height, width = size or (-(-tile.height // step), -(-tile.width // step))
        return Window(tile.y // step, tile.x // step, height, width)
