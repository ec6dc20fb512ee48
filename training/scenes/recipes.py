"""What scenes are made of: layers from back to front."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from training.scenes import textures
from training.scenes.draws import Canvas, Draws
from training.scenes.flows import MOST_ROTATION, draw_affine, draw_drift, draw_motion
from training.scenes.layers import Body, Layer, Sheet
from training.scenes.motions import Affine, Composed, Drift, Motion, Still, rotation
from training.scenes.shapes import Ellipse, Polygon, Shape, draw_floe, voronoi


@dataclass(frozen=True, eq=False)
class Setting:
    """What all layers of a scene share.

    Attributes
    ----------
    canvas : Canvas
        What they are drawn on.
    draws : Draws
        Randomness.
    speed : float
        Scale of the displacements over the interval, in pixels.
    camera : Motion
        What carries everything, as where two images are not registered well.
    """

    canvas: Canvas
    draws: Draws
    speed: float
    camera: Motion

    @classmethod
    def draw(cls, canvas: Canvas, draws: Draws, longest: float) -> Setting:
        """Draw the speed: each octave of it is as common as any other, and some do not move."""
        kind = draws.pick(["still", "slow", "any"], [5, 5, 90])
        speed = {
            "still": 0.0,
            "slow": draws.uniform(0.05, 1.0),
            "any": draws.log_uniform(min(3.0, longest), longest),
        }[kind]
        camera: Motion = Still()
        if kind == "any" and draws.chance(0.2):
            camera = Drift(draws.direction(min(draws.log_uniform(0.2, 2), longest / 4)))
        return cls(canvas, draws, min(speed, longest), camera)

    def carried(self, motion: Motion) -> Motion:
        """Add what carries everything."""
        return motion if isinstance(self.camera, Still) else Composed(self.camera, motion)

    def motion(self) -> Motion:
        """Draw the motion of a deformable layer."""
        return self.carried(draw_motion(self.canvas, self.draws, self.speed))

    def texture(self) -> Tensor:
        """Draw material with a random range of radiance."""
        values = textures.draw_texture(self.canvas, self.draws)
        if self.draws.chance(0.75):
            values = self.with_large_scales(values)
        low = self.draws.uniform(0, 0.3)
        return low + (self.draws.uniform(0.6, 1.0) - low) * values

    def with_large_scales(self, values: Tensor) -> Tensor:
        """Add structures of all larger scales, as most images of nature have them.

        Without any, coarse levels see nothing, and large motion cannot be found.
        """
        scales = [8.0, 16.0, 32.0, 64.0]
        octaves = textures.noise(self.canvas, self.draws, scales)
        steepness = self.draws.uniform(0.0, 1.0)
        shares = torch.tensor([(scale / 64.0) ** steepness for scale in scales])
        large = (octaves * shares[:, None, None]).sum(dim=0) / shares.norm()
        mixed = values + self.draws.uniform(0.1, 0.5) * large
        low, high = float(mixed.min()), float(mixed.max())
        whole: Tensor = (mixed - low) / max(high - low, 1e-3)
        return whole

    def water(self, motion: Motion | None = None) -> Sheet:
        """Draw a ground of little contrast, whose motion is a convention where it is opened.

        Without enough contrast to be seen moving, it stands still.
        """
        draws = self.draws
        values = draws.pick([textures.clouds, textures.bands, textures.photograph])
        contrast = draws.pick([0.02, 0.1, 0.3])
        radiance = draws.uniform(0, 0.35) + contrast * values(self.canvas, draws)
        if motion is None or contrast < 0.1:
            motion = self.carried(Still())
        return Sheet(radiance, motion, convention=True)

    def sheet(self, motion: Motion | None = None) -> Sheet:
        """Draw a layer of material everywhere, sometimes with a radiance that evolves."""
        evolution = None
        if self.draws.chance(0.15):
            scale = self.draws.log_uniform(16, 80)
            pattern = textures.noise(self.canvas, self.draws, [scale])[0]
            evolution = self.draws.uniform(0.05, 0.25) * pattern.clamp(-2, 2)
        return Sheet(self.texture(), motion or self.motion(), evolution=evolution)

    def patches(self, shortest: float, longest: float) -> Tensor:
        """Draw an opacity: patches with edges of about a pixel."""
        draws = self.draws
        wavelength = draws.log_uniform(shortest, longest)
        shape, edge = textures.noise(self.canvas, draws, [wavelength, wavelength / 4])
        level = shape + draws.uniform(0, 0.3) * edge - draws.uniform(-0.6, 0.6)
        return torch.sigmoid(level * wavelength * 0.7)


def ocean(setting: Setting) -> list[Layer]:
    """Compose one moving layer, sometimes with sources and sinks, sometimes around land."""
    sheet = setting.sheet()
    layers: list[Layer] = [sheet]
    if setting.draws.chance(0.2):
        layers.append(sources(setting, sheet.motion))
    if setting.draws.chance(0.25):
        layers.append(land(setting))
    return layers


def plain(setting: Setting) -> list[Layer]:
    """Compose one layer that moves fast, and nothing else: what a network learns first."""
    draws = setting.draws
    motion = draw_affine(setting.canvas, draws, setting.speed * draws.uniform(0, 0.5))
    drift = draw_drift(draws, setting.speed * draws.uniform(0.2, 0.7))
    return [Sheet(setting.texture(), Composed(drift, motion))]


def sources(setting: Setting, motion: Motion) -> Layer:
    """Draw spots that appear, grow brighter, fade or vanish while they are carried."""
    draws, canvas = setting.draws, setting.canvas
    sigma = draws.log_uniform(1.5, 10)
    count = draws.integer(1, max(1, round(canvas.shape[0] * canvas.shape[1] / (8 * sigma) ** 2)))
    opacity = textures.spots(canvas, draws, sigma, min(count, 60)).clamp(0, 1)
    fade = draws.pick([(0.0, 1.0), (1.0, 0.0), (0.3, 1.0), (1.0, 0.4)])
    radiance = draws.uniform(0.7, 1) if draws.chance(0.7) else draws.uniform(0, 0.2)
    return Sheet(
        torch.full(canvas.fine, radiance), motion, opacity=opacity, fade=fade, convention=True
    )


def land(setting: Setting) -> Layer:
    """Draw ground that stands still in front of what moves."""
    motion = setting.carried(Still())
    return Sheet(setting.texture(), motion, opacity=setting.patches(80, 250))


def drifting_patches(setting: Setting) -> list[Layer]:
    """Compose patches that deform over water that is still or moves otherwise."""
    draws = setting.draws
    below = setting.carried(Still()) if draws.chance(0.6) else setting.motion()
    ground = setting.water(below) if draws.chance(0.7) else Sheet(setting.texture(), below)
    above = Sheet(setting.texture(), setting.motion(), opacity=setting.patches(24, 120))
    layers: list[Layer] = [ground, above]
    if draws.chance(0.2):
        layers.append(land(setting))
    return layers


def bodies(setting: Setting) -> list[Layer]:
    """Compose floes, cells or discs that move on their own over still or moving ground."""
    draws, canvas = setting.draws, setting.canvas
    kind = draws.pick(["floes", "cells", "discs"])
    dark = kind == "cells" or draws.chance(0.4)
    below = setting.carried(Still()) if draws.chance(0.6) else setting.motion()
    ground = setting.water(below) if dark else Sheet(setting.texture(), below)
    layers: list[Layer] = [ground]
    material = draws.uniform(0.1, 0.6) * (setting.texture() - 0.5)
    base = draws.uniform(0.45, 0.8)
    radius = draws.log_uniform(3, 22)
    area = canvas.size[0] * canvas.size[1]
    count = max(1, min(16, round(draws.uniform(0.1, 0.6) * area / (math.pi * radius**2))))
    common = draws.direction(setting.speed * draws.uniform(0, 1))
    spread = setting.speed * draws.uniform(0, 1)
    carried = draws.chance(0.3)
    looks = {
        "dome": draws.uniform(0.2, 0.8) if kind == "cells" else 0.0,
        "rim": draws.uniform(-0.3, 0.3) if draws.chance(0.4) else 0.0,
    }
    evolves = draws.chance(0.25)
    for _ in range(count):
        size = radius * draws.uniform(0.7, 1.4)
        place = draws.rand(2) * 1.2 - 0.1
        centre = place * torch.tensor(canvas.size, dtype=torch.float32)
        if carried:
            ends = below.arrival(centre.expand(2, 2)[:, :, None, None], torch.tensor([0.0, 1.0]))
            shift = (ends[1] - ends[0]).flatten()
        else:
            shift = common + draws.direction(spread * draws.uniform() ** 0.5)
        turn = draws.uniform(-1, 1) * min(MOST_ROTATION, setting.speed / size)
        drift: Motion = Drift(shift)
        drift = drift if carried else setting.carried(drift)
        shape: Shape
        if kind == "floes":
            shape = draw_floe(draws, centre, size)
        else:
            axes = (size, size * draws.uniform(0.5, 1) if kind == "cells" else size)
            shape = Ellipse(centre, axes, draws.uniform(0, math.pi))
        layers.append(
            Body(
                material,
                shape,
                Composed(drift, Affine(rotation(turn), centre)),
                base=base + draws.uniform(-0.15, 0.15),
                evolution=draws.uniform(-0.5, 0.5) if evolves else 0.0,
                **looks,
            )
        )
    return layers


def leads(setting: Setting) -> list[Layer]:
    """Compose pieces of one sheet that move apart, so that water opens, or together."""
    draws, canvas = setting.draws, setting.canvas
    size = torch.tensor(canvas.size, dtype=torch.float32)
    sites = (draws.rand(draws.integer(2, 6), 2) * 1.1 - 0.05) * size
    common: Motion = draw_drift(draws, setting.speed * draws.uniform(0, 0.7))
    if draws.chance(0.3):
        common = Composed(common, draw_affine(canvas, draws, 0.3 * setting.speed))
    common = setting.carried(common)
    below = setting.carried(Still()) if draws.chance(0.6) else common
    layers: list[Layer] = [setting.water(below)]
    material = setting.texture()
    # Apart from a time when they fit: the first opens cracks, the last closes them.
    reference = draws.pick([0.0, 1.0])
    sign = 1.0 if reference == 0 else -1.0
    apart = setting.speed * draws.uniform(0.2, 0.8)
    shares = (sites - sites.mean(0)) / (sites - sites.mean(0)).norm(dim=1).amax().clamp(min=1)
    overlap = 0.7 if draws.chance(0.75) else -draws.uniform(0.5, 3)
    for cell, share in zip(voronoi(draws, sites, canvas.size), shares, strict=True):
        shift = sign * apart * share + draws.direction(0.3 * apart * draws.uniform())
        turn = draws.uniform(-1, 1) * min(0.15, 0.3 * setting.speed / (0.3 * max(canvas.size)))
        inner = Composed(Drift(shift), Affine(rotation(turn), cell.centre))
        layers.append(_piece(material, cell, Composed(common, inner), reference, overlap))
    if draws.chance(0.2):
        layers.append(land(setting))
    return layers


def _piece(
    material: Tensor, cell: Polygon, motion: Motion, reference: float, overlap: float
) -> Layer:
    return Body(material, cell, motion, reference=reference, overlap=overlap)


RECIPES: dict[Callable[[Setting], list[Layer]], float] = {
    ocean: 50,
    drifting_patches: 15,
    bodies: 15,
    leads: 20,
}
