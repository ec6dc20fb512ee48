"""What material looks like: fields of radiance in [0, 1] on the samples of a canvas."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from training.scenes import photographs
from training.scenes.draws import FINE, Canvas, Draws

Texture = Callable[[Canvas, Draws], Tensor]


@lru_cache(maxsize=64)
def frequencies(shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the frequencies (fy, fx), in cycles per pixel, of a spectrum of real values."""
    fy = torch.fft.fftfreq(shape[0])[:, None]
    fx = torch.fft.rfftfreq(shape[1])[None]
    return fy, fx


@lru_cache(maxsize=64)
def _radius(shape: tuple[int, int]) -> Tensor:
    fy, fx = frequencies(shape)
    radius: Tensor = torch.sqrt(fy**2 + fx**2)
    radius[0, 0] = 1 / max(shape)
    return radius


def synthesise(canvas: Canvas, spectrum: Tensor, per_pixel: int = FINE) -> Tensor:
    """Turn spectra (K, h, w/2+1) of one sample a pixel into fields with more samples a pixel.

    What a crop could not show, above half a cycle a pixel, stays empty: no lookup can alias.
    """
    if per_pixel == 1:
        return _inverse(spectrum, canvas.shape)
    height, width = canvas.shape
    rows, columns = height * per_pixel, width * per_pixel
    padded = torch.zeros(len(spectrum), rows, columns // 2 + 1, dtype=spectrum.dtype)
    padded[:, : height // 2, : width // 2] = spectrum[:, : height // 2, :-1]
    padded[:, -height // 2 + 1 :, : width // 2] = spectrum[:, -height // 2 + 1 :, :-1]
    return _inverse(padded, (rows, columns))


def standardise(values: Tensor) -> Tensor:
    """Bring fields (..., h, w) to mean zero and standard deviation one."""
    # Several times faster than torch.std_mean, and as accurate where the mean is small.
    centred = values - values.mean(dim=(-2, -1), keepdim=True)
    variance = (centred * centred).mean(dim=(-2, -1), keepdim=True)
    return centred / (variance.sqrt() + 1e-12)


def noise(
    canvas: Canvas,
    draws: Draws,
    wavelengths: Sequence[float],
    *,
    octaves: float = 0.5,
    per_pixel: int = FINE,
) -> Tensor:
    """Draw band-limited noise (K, h, w), one field of unit variance per wavelength in pixels."""
    radius = _radius(canvas.shape)
    white = torch.view_as_complex(draws.randn(len(wavelengths), *radius.shape, 2))
    centre = torch.tensor(wavelengths)[:, None, None]
    band = torch.exp(-0.5 * (torch.log2(radius * centre) / octaves) ** 2)
    return standardise(synthesise(canvas, white * band, per_pixel))


def clouds(canvas: Canvas, draws: Draws) -> Tensor:
    """Draw noise with a power-law spectrum, as clouds have."""
    radius = _radius(canvas.shape)
    white = torch.view_as_complex(draws.randn(1, *radius.shape, 2))
    slope = draws.uniform(1.3, 2.6)
    return _span(synthesise(canvas, white * radius**-slope)[0])


def bands(canvas: Canvas, draws: Draws) -> Tensor:
    """Draw a sum of noise at a few scales."""
    wavelengths = [draws.log_uniform(2.5, 34) for _ in range(draws.integer(1, 3))]
    weights = draws.rand(len(wavelengths)) + 0.3
    return _span((noise(canvas, draws, wavelengths) * weights[:, None, None]).sum(0))


def floes(canvas: Canvas, draws: Draws) -> Tensor:
    """Draw patches with sharp edges, bright on dark or dark on bright, with a texture inside."""
    wavelength = draws.log_uniform(8, 48)
    shape, edge, inside = noise(
        canvas, draws, [wavelength, wavelength / 3, draws.log_uniform(2.5, 12)]
    )
    level = shape + draws.uniform(0, 0.5) * edge - draws.uniform(-0.7, 0.7)
    on = torch.sigmoid(level * wavelength / 2)
    grain = 0.5 + draws.uniform(0.02, 0.2) * inside
    return _flip((on * (0.75 + 0.5 * (grain - 0.5)) + (1 - on) * 0.4 * grain).clamp(0, 1), draws)


def cracks(canvas: Canvas, draws: Draws) -> Tensor:
    """Draw thin lines where noise changes sign, on a textured ground."""
    wavelength = draws.log_uniform(12, 64)
    lines, more, ground = noise(
        canvas, draws, [wavelength, wavelength / 2, draws.log_uniform(3, 24)]
    )
    slope = 2 * math.pi / wavelength
    dip = torch.exp(-((lines / (slope * draws.uniform(0.7, 2.0))) ** 2))
    finer = torch.exp(-((more / (2 * slope * draws.uniform(0.5, 1.0))) ** 2))
    values = 0.7 + draws.uniform(0, 0.12) * ground - 0.6 * dip - draws.uniform(0, 0.3) * finer
    return _flip(values.clamp(0, 1), draws)


def filaments(canvas: Canvas, draws: Draws) -> Tensor:
    """Draw bright lines of varying strength on dark ground."""
    wavelength = draws.log_uniform(10, 40)
    lines, crossing, strength = noise(canvas, draws, [wavelength, wavelength * 0.8, 40.0])
    width = 2 * math.pi / wavelength * draws.uniform(0.6, 1.2)
    glow = torch.exp(-((lines / width) ** 2)) * torch.sigmoid(2 * strength)
    other = torch.exp(-((crossing / width) ** 2)) * torch.sigmoid(-2 * strength)
    return (0.05 + 0.9 * torch.maximum(glow, other)).clamp(0, 1)


def spots(canvas: Canvas, draws: Draws, sigma: float, count: int) -> Tensor:
    """Draw Gaussian spots of peak one and varying brightness at random places."""
    rows, columns = canvas.fine
    places = torch.zeros(rows * columns)
    where = (draws.rand(count) * (rows * columns)).long().clamp(max=rows * columns - 1)
    places[where] = 0.4 + 0.6 * draws.rand(count)
    fy, fx = frequencies((rows, columns))
    fine = sigma * FINE
    blur = torch.exp(-2 * (math.pi * fine) ** 2 * (fy**2 + fx**2)) * (2 * math.pi * fine**2)
    spectrum = torch.fft.rfft2(places.reshape(rows, columns))
    return _inverse(spectrum * blur, (rows, columns))


def tracers(canvas: Canvas, draws: Draws) -> Tensor:
    """Draw dots of one or two pixels, as particles in a fluid."""
    area = canvas.shape[0] * canvas.shape[1]
    dots = spots(canvas, draws, draws.uniform(0.5, 1.0), int(area * draws.log_uniform(0.01, 0.08)))
    return _flip((0.1 + 0.85 * dots).clamp(0, 1), draws, 0.2)


def blobs(canvas: Canvas, draws: Draws) -> Tensor:
    """Draw soft blobs, or with a threshold cells, on dark ground."""
    area = canvas.shape[0] * canvas.shape[1]
    sigma = draws.log_uniform(1.5, 8)
    cover = draws.uniform(0.15, 0.6)
    glow = spots(canvas, draws, sigma, 2 + int(cover * area / (6 * sigma) ** 2 * 4))
    if draws.chance(0.5):
        glow = torch.sigmoid((glow - 0.35) * 4 * sigma)
    inside = noise(canvas, draws, [draws.log_uniform(3, 10)])[0]
    return (0.06 + 0.75 * glow * (1 + 0.15 * inside) + 0.01 * inside).clamp(0, 1)


def stripes(canvas: Canvas, draws: Draws) -> Tensor:
    """Draw a labyrinth, or a nematic with a preferred direction."""
    radius = _radius(canvas.shape)
    fy, fx = frequencies(canvas.shape)
    wavelength = draws.log_uniform(4, 16)
    band = torch.exp(-0.5 * (torch.log2(radius * wavelength) / 0.15) ** 2)
    if draws.chance(0.6):
        angle, spread = draws.uniform(0, math.pi), draws.uniform(0.1, 0.5)
        across = (fy * math.cos(angle) - fx * math.sin(angle)) / radius
        band = band * torch.exp(-0.5 * (across / spread) ** 2)
    white = torch.view_as_complex(draws.randn(1, *radius.shape, 2))
    values = standardise(synthesise(canvas, white * band))[0]
    return 0.5 + 0.4 * torch.tanh(draws.uniform(0.5, 2) * values)


def photograph(canvas: Canvas, draws: Draws) -> Tensor:
    """Cut a piece out of a photograph."""
    return photographs.crop(canvas, draws)


TEXTURES: dict[Texture, float] = {
    bands: 4,
    clouds: 2,
    floes: 3,
    cracks: 3,
    filaments: 1.5,
    blobs: 2,
    tracers: 1.5,
    stripes: 1.5,
    photograph: 5,
}


def draw_texture(canvas: Canvas, draws: Draws) -> Tensor:
    """Draw any texture, sometimes a blend of two."""
    options, weights = list(TEXTURES), list(TEXTURES.values())
    values = draws.pick(options, weights)(canvas, draws)
    if draws.chance(0.2):
        share = draws.uniform(0.2, 0.5)
        values = (1 - share) * values + share * draws.pick(options, weights)(canvas, draws)
    return values


def _inverse(spectrum: Tensor, shape: tuple[int, int]) -> Tensor:
    values: Tensor = torch.fft.irfft2(spectrum, s=shape)
    return values


def _span(values: Tensor) -> Tensor:
    """Bring nearly all of a field into [0, 1]."""
    sample = values[::5, ::5].flatten()
    low, high = torch.quantile(sample, torch.tensor([0.005, 0.995])).tolist()
    stretched: Tensor = (values - low) / max(high - low, 1e-6)
    return stretched.clamp(0, 1)


def _flip(values: Tensor, draws: Draws, probability: float = 0.5) -> Tensor:
    return 1 - values if draws.chance(probability) else values
