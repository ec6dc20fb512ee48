"""What was known in a run, as layers out of which the next run knows the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image, Layer
from numpy.typing import NDArray
from tests.conftest import blank, dynamics_of

from napari_latentdyn.core.dynamics.result import Dynamics
from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.core.knowledge.knowledge import Knowledge
from napari_latentdyn.core.knowledge.regions import Regions
from napari_latentdyn.core.knowledge.tracks import Tracks
from napari_latentdyn.errors import ObservationError
from napari_latentdyn.settings import Settings
from napari_latentdyn.viewer.knowledge.grid import ImageGrid
from napari_latentdyn.viewer.knowledge.reading import Known, KnownLayer, read_layers, roles_of
from napari_latentdyn.viewer.knowledge.restoring import known_layers

SHAPE = (24, 30)
PLACE = Geometry.from_pixel_size((10.0, 20.0), "meter")


def run_of(
    known: Knowledge,
    times: tuple[float, ...] = (0.0, 1.0),
    interval: float | None = None,
    frames: tuple[float, ...] | None = None,
    valid: NDArray[np.bool_] | None = None,
    inputs: list[dict[str, Any]] | None = None,
) -> Dynamics:
    """A result of two stages for each interval, in which something was known."""
    at = np.linspace(times[0], times[-1], 5) if frames is None else np.array(frames)
    random = np.random.default_rng(0)
    planes = random.random((len(at), *SHAPE)).astype(np.float32)
    report = {
        "known": known.to_report(),
        "observation_times": list(times),
        "placement": PLACE.to_report(),
        "interval": {"value": interval, "unit": "hour"} if interval else None,
        "inputs": inputs or [],
    }
    velocity = np.zeros((2 * (len(times) - 1), 2, *SHAPE), np.float32)
    made = dynamics_of(planes, velocity, report, times=at)
    images = blank(planes, times)
    if valid is not None:
        images = replace(images, valid=valid)
    return Dynamics(
        made.settings, made.fields, made.report, times=at, observations=images.with_knowledge(known)
    )


def read(dynamics: Dynamics, stages: int = 8, as_stack: bool = False) -> Known:
    """Read the restored layers for the images of the run, which have another time axis here."""
    restored = [Layer.create(*one) for one in known_layers(dynamics)]
    assert not any(layer.visible for layer in restored), "the result stays in sight"
    rows = [KnownLayer(one, one.metadata["latentdyn"]["known_role"]) for one in restored]
    assert all(roles_of(row.layer)[0] == row.role for row in rows)
    count = len(dynamics.observation_times)
    if as_stack:
        layer = Image(np.zeros((count, *SHAPE)), scale=(7, 10, 20), units=("pixel", "m", "m"))
        frames = [(layer, (k,)) for k in range(count)]
    else:
        place = {"scale": (10, 20), "units": ("m", "m")}
        frames = [(Image(np.zeros(SHAPE), **place), ()) for _ in range(count)]
    times = dynamics.observation_times if count > 2 else None
    held = max((one.metadata["latentdyn"].get("held_back", 0) for one in restored), default=0)
    chosen = Settings.parse({"model": {"stages": stages}})
    return read_layers(rows, ImageGrid.of(frames, times, chosen), hold_back=held / 100)


def same(one: Tracks | None, other: Tracks | None) -> None:
    assert one is not None
    assert other is not None
    for part in ("track", "time", "place", "sigma", "held", "marked"):
        np.testing.assert_allclose(getattr(one, part), getattr(other, part), atol=1e-6)


def tracks(times: tuple[float, ...], count: int = 5) -> Tracks:
    """Tracks with positions between, before and after the images."""
    when = np.linspace(times[0] - 0.3, times[-1] + 0.2, 6)
    number, step = np.indices((count, 6)).reshape(2, -1)
    random = np.random.default_rng(1)
    place = np.stack([3 + 4 * number + 0.2 * step, 4 + 5 * number - 0.1 * step], axis=1)
    # The last two are landmarks.
    found = Tracks.from_rows(
        number, when[step], place, random.uniform(0.2, 2, len(step)), marked=number >= count - 2
    )
    return found.hold_back(0.4)


@settings(deadline=None, max_examples=25)
@given(
    interval=st.none() | st.floats(0.1, 100),
    start=st.floats(-50, 50),
    steps=st.lists(st.floats(0.5, 5), min_size=1, max_size=3),
    stages=st.integers(1, 9),
    as_stack=st.booleans(),
)
def test_tracks_are_the_same_again_on_any_axis_of_time(
    interval: float | None, start: float, steps: list[float], stages: int, as_stack: bool
) -> None:
    pair = len(steps) == 1
    times = (0.0, 1.0) if pair else tuple(start + np.cumsum([0.0, *steps]))
    known = Knowledge(tracks=tracks(times))
    again = read(run_of(known, times, interval), stages, as_stack)
    same(again.knowledge.tracks, known.tracks)
    assert again.knowledge.counts() == known.counts()


@given(
    named=st.lists(st.sampled_from(["1", "2.5", "cape", "Ö"]), min_size=6, max_size=6),
    part=st.sampled_from([0.0, 0.07, 0.25, 0.9]),
)
@settings(deadline=None, max_examples=25)
def test_names_and_the_part_held_back_are_the_same_again(named: list[str], part: float) -> None:
    number, time = np.indices((6, 2)).reshape(2, -1)
    found = Tracks.from_rows(
        *(number, time, np.stack([2 + 3 * number, 4 + time], axis=1)),
        name=np.array(named)[number],
        marked=number > 2,
    )
    known = Knowledge(tracks=found.hold_back(part), part=part)
    dynamics = run_of(known)
    assert {one[1]["metadata"]["latentdyn"]["held_back"] for one in known_layers(dynamics)} == {
        round(100 * part)
    }
    again = read(dynamics).knowledge
    assert again.part == pytest.approx(part)
    same(again.tracks, known.tracks)
    assert again.tracks is not None
    marks = named[3:]
    for own, name in zip(again.tracks.each(), named, strict=True):
        number = int(own.track[0])
        is_unique = number < 3 or marks.count(name) == 1
        assert set(own.name) == {name if is_unique else f"{number} {name}"}


def test_masks_are_as_many_again() -> None:
    still = np.zeros((1, *SHAPE), bool)
    still[:, :9] = True
    valid = np.ones((2, *SHAPE), bool)
    valid[1, 5:9, 5:9] = False
    layers = [{"role": "still", "name": name} for name in ("a", "b")]
    files = [{"role": "missing", "name": name, "path": f"/{name}"} for name in ("c.tif", "d.tif")]
    known = Knowledge(Regions.from_masks(still=still), sources=(*layers, *files))
    again = read(run_of(known, valid=valid)).knowledge
    assert again.sentence() == known.sentence() == "3 masks"
    assert [one["name"] for one in again.sources] == ["a", "b", "c.tif, d.tif"]


def test_tracks_of_another_number_of_images_are_refused() -> None:
    times = (0.0, 1.0, 2.0)
    one, _ = known_layers(run_of(Knowledge(tracks=tracks(times)), times))
    layer = Layer.create(*one)
    place = {"scale": (10, 20), "units": ("m", "m")}
    pair = [(Image(np.zeros(SHAPE), **place), ()) for _ in range(2)]
    with pytest.raises(ObservationError, match="must have the images of its run, 3; got 2: "):
        read_layers([KnownLayer(layer, "tracks")], ImageGrid.of(pair, None, Settings()))


def test_frames_at_uneven_times_count_themselves() -> None:
    known = Knowledge(tracks=tracks((0.0, 1.0)))
    dynamics = run_of(known, frames=(0.0, 0.1, 0.5, 1.0))
    (rows, meta, kind) = known_layers(dynamics)[0]
    assert kind == "tracks"
    assert meta["scale"][0] == 1
    assert known.tracks is not None
    own = known.tracks.rows(~known.tracks.marked)
    seen = (own.time >= 0) & (own.time <= 1)
    on_slider = np.interp(own.time, dynamics.times(), [0, 1, 2, 3])
    np.testing.assert_allclose((rows[:, 1] + meta["translate"][0])[seen], on_slider[seen])
    same(read(dynamics).knowledge.tracks, known.tracks)


@settings(deadline=None, max_examples=25)
@given(
    count=st.integers(2, 4), each=st.booleans(), corner=st.tuples(st.integers(0, 15), st.just(3))
)
def test_regions_are_the_same_again(count: int, each: bool, corner: tuple[int, int]) -> None:
    still = np.zeros((count if each else 1, *SHAPE), bool)
    rigid = np.zeros(still.shape, int)
    for k, (land, bodies) in enumerate(zip(still, rigid, strict=True)):
        land[corner[0] + k :, : corner[1]] = True
        bodies[4:9, 10 + k : 14 + k], bodies[12:20, 20:24] = 2, 1
    interest = np.zeros((1, *SHAPE), bool)
    interest[:, 2:22] = True
    known = Knowledge(Regions.from_masks(still=still, rigid=rigid, interest=interest))
    times = tuple(map(float, range(count)))
    again = read(run_of(known, times), as_stack=each)
    masks = again.knowledge.regions.masks
    assert set(masks) == {"still", "rigid", "interest"}
    for role, mask in known.regions.masks.items():
        np.testing.assert_array_equal(masks[role], mask, role)


def test_pixels_that_a_mask_left_out_are_missing_again() -> None:
    valid = np.ones((2, *SHAPE), bool)
    valid[1, 5:9, 5:9] = False
    masked = run_of(Knowledge(), valid=valid, inputs=[{}, {"mask": "cloud.tif"}])
    again = read(masked)
    np.testing.assert_array_equal(again.missing, ~valid)
    assert again.knowledge.is_empty
    assert known_layers(run_of(Knowledge(), valid=valid, inputs=[{}, {}])) == [], "NaN of the image"


def test_a_run_without_knowledge_has_no_such_layers() -> None:
    assert known_layers(run_of(Knowledge())) == []
