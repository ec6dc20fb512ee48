"""What a training will take, told before it starts; without PyTorch."""

from __future__ import annotations

import os
from dataclasses import dataclass

from napari_latentdyn.core.patches import scan
from napari_latentdyn.settings import Settings

__all__ = ["Estimate", "estimate"]

#: Multiplications and additions per second and thread of small convolutions, measured on
#: ordinary CPUs; a first guess until the first steps have been timed.
_CPU_RATE = 4e10
_GPU_RATE = 2e12
#: A step runs the networks once forward and costs about twice that backward.
_FORWARD_AND_BACKWARD = 3.0
_BASE_MEMORY = 400e6
#: Seconds per pixel and member of matching.
_CPU_MATCHING = 9e-5
_GPU_MATCHING = 5e-6
#: Seconds of a member on a GPU, however small the image: its calls cost more than its numbers.
_GPU_MEMBER = 3.0
#: Part of it that is left where the networks give a velocity to start from.
_STARTED = 0.15
#: What predicting hidden blocks adds.
_HOLD_OUT = 1.25


@dataclass(frozen=True)
class Estimate:
    """What a training will take.

    Attributes
    ----------
    patches : int
        Number of pairs of patches.
    memory_bytes : int
        Memory of the training.
    seconds : float
        Time of the training.
    warnings : tuple of str
        What is likely to go wrong, a sentence each.
    """

    patches: int
    memory_bytes: int
    seconds: float
    warnings: tuple[str, ...]


def estimate(
    shape: tuple[int, int],
    channels: int,
    settings: Settings,
    seconds_per_step: float | None = None,
    device: str = "cpu",
) -> Estimate:
    """Estimate what a training will take.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the images.
    channels : int
        Their number of channels.
    settings : Settings
        All settings.
    seconds_per_step : float, optional
        Time of a step, where it has been measured.
    device : str
        "cpu", or a GPU, which is far faster.
    """
    windows = scan(shape, settings.patches.size, settings.patches.stride)
    batch = min(settings.training.batch_size, len(windows))
    pixels = batch * windows[0].height * windows[0].width
    work, values = _per_pixel(channels, settings)
    if seconds_per_step is None:
        threads = settings.training.threads or max(1, (os.cpu_count() or 2) - 1)
        rate = _CPU_RATE * threads if device == "cpu" else _GPU_RATE
        seconds_per_step = _FORWARD_AND_BACKWARD * 2 * work * pixels / rate
    images = 4 * shape[0] * shape[1] * (4 * channels + 2 * settings.model.stages)
    warnings = []
    if windows[0].height < min(settings.patches.size[0], shape[0]) or any(
        side > length for side, length in zip(settings.patches.size, shape, strict=True)
    ):
        warnings.append(
            f"The patch is larger than the image and is cut to {windows[0].height} x "
            f"{windows[0].width} pixels."
        )
    return Estimate(
        patches=len(windows),
        memory_bytes=int(_BASE_MEMORY + images + 4 * values * pixels),
        seconds=seconds_per_step * settings.training.steps + _matching(shape, settings, device),
        warnings=tuple(warnings),
    )


def _matching(shape: tuple[int, int], settings: Settings, device: str) -> float:
    """Seconds of matching before the first step."""
    if settings.model.initial_fields != "matched":
        return 0.0
    pixels = shape[0] * shape[1]
    seconds = _CPU_MATCHING * pixels if device == "cpu" else _GPU_MATCHING * pixels + _GPU_MEMBER
    if settings.training.start_from != "scratch" and settings.model.refinement == "short":
        seconds *= _STARTED
    return settings.model.members * seconds * _HOLD_OUT


def _per_pixel(channels: int, settings: Settings) -> tuple[float, float]:
    """Multiplications, and values kept for the way back, per pixel of a patch and step."""
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
    decodings = each * (4 if settings.physics.ends == "both" else 3)
    both_ways = 2 if settings.physics.ends == "both" else 1
    tracing = both_ways * model.stages * 3
    latent = model.latent_channels + (channels if kept else 0)
    carried = latent * (model.stages if settings.physics.transport == "stages" else 1)
    return (
        encodings * encoder + pyramid * extractor + decodings * decoder + 150 * tracing,
        encodings * encoder_values
        + pyramid * extractor_values
        + decodings * decoder_values
        + tracing * 8
        + both_ways * 4 * carried,
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
