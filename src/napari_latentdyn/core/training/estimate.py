"""Estimate of the time and memory of a run before it starts; without PyTorch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from napari_latentdyn.core.observations.patches import scan, tiles
from napari_latentdyn.core.training.pace import MOST_HIDDEN, patience
from napari_latentdyn.equations import equation_of
from napari_latentdyn.settings import Settings

__all__ = ["Estimate", "Pace", "estimate", "expected_seconds"]

Phase = Literal["matching", "step", "rendering"]
Seconds = tuple[float, float]

#: Multiplications and additions per second and thread of small convolutions, measured on
#: ordinary CPUs; a first guess until the first steps have been timed.
_CPU_RATE = 4e10
_GPU_RATE = 2e12
#: A step runs the networks once forward and costs about twice that backward.
_FORWARD_AND_BACKWARD = 3.0
_BASE_MEMORY = 400e6
#: Seconds of matching: per pixel and member, and per member for images of any size.
_CPU_MATCHING, _GPU_MATCHING = (8e-6, 0.3), (5e-7, 1.0)
#: Part of the time that short matching takes.
_SHORT = 0.25
#: Factor for the prediction of hidden blocks.
_HOLD_OUT = 1.25
#: Seconds per pixel, member and end in which a state is carried to a time.
_CPU_CARRYING, _GPU_CARRYING = 1e-7, 1e-8
#: Uncertainty factors of a time: guessed, measured with other settings or another size, and
#: measured with the same.
_GUESSED, _ALIKE, _SAME = 2.5, 2.0, 1.25
#: Seconds of a run outside of its phases.
_BESIDES = 1.0


@dataclass(frozen=True)
class Estimate:
    """Estimate of the time and memory of a run, with warnings for the user.

    `patches` is the number of pairs of patches, 0 without training; `seconds` are the least
    and the longest time; `measured` tells whether the time comes from earlier runs.
    """

    patches: int
    memory_bytes: int
    seconds: Seconds
    measured: bool
    warnings: tuple[str, ...]


@dataclass
class Pace:
    """Durations of each phase in earlier runs, relative to the expected ones."""

    _phases: dict[tuple[Phase, str], tuple[Any, Seconds]] = field(default_factory=dict)

    def learn(
        self,
        shape: tuple[int, int],
        channels: int,
        settings: Settings,
        device: str,
        measured: Mapping[Phase, Seconds | float | None],
        images: int = 2,
    ) -> None:
        """Remember the durations of the phases of a run on a number of images.

        `measured` has the seconds of "matching", of one "step" and of "rendering": a number, or
        the least and the longest; None where a phase was not measured.
        """
        expected = expected_seconds(shape, channels, settings, device, images)
        for phase, seconds in measured.items():
            guess = expected[phase]
            if seconds is None or guess <= 0:
                continue
            least, longest = seconds if isinstance(seconds, tuple) else (seconds, seconds)
            kind = _kind(phase, shape, channels, settings)
            place = (phase, _place(settings, device))
            self._phases[place] = (kind, (least / guess, longest / guess))

    def seconds(
        self, phase: Phase, guess: float, kind: Any, place: str
    ) -> tuple[float, float, bool]:
        """Return the least and the longest time of a phase, and whether it was measured."""
        if (phase, place) not in self._phases:
            return guess / _GUESSED, guess * _GUESSED, guess <= 0
        known, (least, longest) = self._phases[phase, place]
        doubt = _ALIKE
        if known == kind:
            # The range of a step already covers the differences between steps.
            doubt = 1.0 if phase == "step" else _SAME
        return guess * least / doubt, guess * longest * doubt, True


def estimate(
    shape: tuple[int, int],
    channels: int,
    settings: Settings,
    pace: Pace | None = None,
    device: str = "cpu",
    steps_done: int | None = None,
    *,
    images: int = 2,
) -> Estimate:
    """Estimate the time and memory of a run on a number of images (H, W) = `shape`.

    `pace` holds the durations of earlier runs. A training that continues after
    `steps_done` steps repeats neither these nor the matching.
    """
    windows = scan(shape, settings.patches.size, settings.patches.stride)
    trains = settings.training.steps > 0
    batch = min(settings.training.batch_size, len(windows) * (images - 1)) if trains else 0
    pixels = batch * windows[0].height * windows[0].width
    _, values, _ = _per_pixel(channels, settings)
    held = 2 * images * channels + 2 * (images - 1) * settings.model.stages
    held *= 4 * shape[0] * shape[1]
    warnings = []
    if trains and any(
        side > length for side, length in zip(settings.patches.size, shape, strict=True)
    ):
        warnings.append(
            f"The patch is larger than the image and is cut to {windows[0].height} x "
            f"{windows[0].width} pixels."
        )
    counts: dict[Phase, int] = {
        "matching": int(steps_done is None),
        "step": max(0, settings.training.steps - (steps_done or 0)),
        "rendering": 1,
    }
    least = longest = 0.0
    measured = True
    expected = expected_seconds(shape, channels, settings, device, images)
    for phase, count in counts.items():
        if count == 0 or expected[phase] <= 0:
            continue
        kind, place = _kind(phase, shape, channels, settings), _place(settings, device)
        low, high, known = (pace or Pace()).seconds(phase, expected[phase], kind, place)
        longest += count * high
        if phase == "step":
            # Training ends before its last step where the agreement no longer improves.
            count = min(count, patience(settings) or count)
        least += count * low
        measured &= known
    return Estimate(
        patches=len(windows) * (images - 1) if trains else 0,
        memory_bytes=int(_BASE_MEMORY + held + 4 * values * pixels),
        seconds=(least, longest + _BESIDES),
        measured=measured,
        warnings=tuple(warnings),
    )


def _place(settings: Settings, device: str) -> str:
    """Return where a run computes: times are only compared within one place."""
    return f"{device} {settings.training.threads}" if device == "cpu" else device


def _kind(phase: Phase, shape: tuple[int, int], channels: int, settings: Settings) -> Any:
    """Return what has to be equal for a phase to take the same time again."""
    training = settings.training
    same = [shape, channels, settings.images, settings.model, settings.physics]
    if phase == "matching":
        return [*same, training.start_from != "scratch"]
    if phase == "rendering":
        return [*same, settings.output, training.keep_better]
    # The number of steps and the learning rate do not change the time of a step.
    return [*same, settings.patches, training.batch_size, settings.output.preview]


def expected_seconds(
    shape: tuple[int, int], channels: int, settings: Settings, device: str, images: int = 2
) -> dict[Phase, float]:
    """Return the seconds of each phase, and of one step, on an ordinary computer."""
    matched = images - 1
    if settings.training.from_series:
        # Both neighbours of each hidden image are matched.
        matched += min(MOST_HIDDEN, images - 2)
    threads = settings.training.threads or max(1, (os.cpu_count() or 2) - 1)
    rate = _CPU_RATE * threads if device == "cpu" else _GPU_RATE
    windows = scan(shape, settings.patches.size, settings.patches.stride)
    batch = min(settings.training.batch_size, len(windows))
    pixels = batch * windows[0].height * windows[0].width
    work, _, decoding = _per_pixel(channels, settings)
    return {
        "matching": matched * _matching(shape, settings, device),
        "step": _FORWARD_AND_BACKWARD * 2 * work * pixels / rate,
        "rendering": _rendering(
            shape, settings, device, 2 * decoding * settings.uses_decoder / rate, images
        ),
    }


def _matching(shape: tuple[int, int], settings: Settings, device: str) -> float:
    """Return the seconds of matching before the first step."""
    if settings.model.initial_fields != "matched":
        return 0.0
    pixels = shape[0] * shape[1]
    matching, member = _CPU_MATCHING if device == "cpu" else _GPU_MATCHING
    part = _SHORT if settings.model.refinement == "short" else 1.0
    return settings.model.members * (matching * pixels + member) * part * _HOLD_OUT


def _rendering(
    shape: tuple[int, int], settings: Settings, device: str, decoding: float, images: int
) -> float:
    """Return the seconds of computing all frames, from those of decoding a pixel of one frame."""
    output, model = settings.output, settings.model
    between = model.stages - 1 if output.frames is None else output.frames
    frames = (images - 1) * (between + 1) + 1
    if output.times is not None:
        frames = len({0.0, *output.times, 1.0})
    pixels = sum(w.height * w.width for w in tiles(shape, output.window, output.overlap))
    carrying = _CPU_CARRYING if device == "cpu" else _GPU_CARRYING
    carrying *= len(equation_of(settings.physics.equation).ends)
    several = model.members if settings.physics.transport == "characteristics" else model.stages
    times = 1 + output.latents + output.confidence
    return frames * pixels * (times * several * carrying + decoding)


def _per_pixel(channels: int, settings: Settings) -> tuple[float, float, float]:
    """Return multiplications and values kept for the gradient, per pixel of a patch and step.

    The third number is that of multiplications for decoding all channels of one frame.
    """
    model = settings.model
    area = model.encoder_kernel**2
    width = model.encoder_width
    kept = model.image_in_latent
    shown = (1 if kept else channels) * (2 if model.contrast else 1)
    encoder = area * (shown * width + 5 * width**2 + width * model.latent_channels)
    encoder_values = 2 * 6 * width + model.latent_channels
    shared = model.latent_channels + kept
    both = model.fields_from == "both"
    inputs = shared * (2 if both else 1) + 2
    inputs += (2 * model.correlation + 1) ** 2 if both and model.correlation else 0
    outputs = 2 if model.timing == "even" else 2 * model.stages
    extractor, extractor_values = _unet(
        inputs, outputs, model.extractor_width, model.extractor_growth
    )
    each = channels if kept else 1
    decoder, decoder_values = _unet(shared, 1 if kept else channels, model.unet_width)
    finest = 0.25**model.coarsening
    pyramid = finest * sum(0.25**level for level in range(model.levels))
    encodings = 2 + (2 if both else 1) * pyramid
    ends = len(equation_of(settings.physics.equation).ends)
    decodings = each * (2 + ends)
    tracing = ends * model.stages * 3
    latent = model.latent_channels + (channels if kept else 0)
    carried = latent * (model.stages if settings.physics.transport == "stages" else 1)
    return (
        encodings * encoder + pyramid * extractor + decodings * decoder + 150 * tracing,
        encodings * encoder_values
        + pyramid * extractor_values
        + decodings * decoder_values
        + tracing * 8
        + ends * 4 * carried,
        each * decoder,
    )


def _unet(inputs: int, outputs: int, width: int, growth: int = 2) -> tuple[float, float]:
    work = values = 0.0
    widths = [width * growth**stage for stage in range(4)]
    below = inputs
    for stage, w in enumerate(widths):
        scale = 0.25**stage
        work += scale * 9 * (below * w + w * w)
        values += scale * 4 * w
        below = w
    for stage in reversed(range(3)):
        w, scale = widths[stage], 0.25**stage
        work += scale * 9 * (widths[stage + 1] * w + 2 * w * w + w * w)
        values += scale * (2 * w + 2 * w + 2 * w + 4 * w)
    return work + 9 * width * outputs, values + outputs
