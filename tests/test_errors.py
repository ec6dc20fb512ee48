"""Messages for the user can always be read."""

from __future__ import annotations

import pytest
import torch

from napari_latentdyn.core.geometry.geometry import Geometry
from napari_latentdyn.errors import (
    GeometryError,
    MissingLibraryError,
    ObservationError,
    OutOfMemoryError,
    is_out_of_memory,
    no_memory,
    readable,
)
from napari_latentdyn.settings import Settings, SettingsError
from napari_latentdyn.settings.text import shown


def test_errors_are_one_readable_line() -> None:
    error = ObservationError("the image\r\n a\0b\x1b[2J \ud800 \u202e is none.")
    assert str(error) == "the image a?b?[2J ? ? is none."
    str(error).encode("utf-8")
    assert str(MissingLibraryError("install it.")) == "install it."


def test_what_is_readable_stays_as_it_is() -> None:
    for text in ("naïve 日本語 عربي 🙂", "two  spaces", ""):
        assert readable(text) == text


def test_long_messages_are_cut_in_the_middle() -> None:
    text = str(ObservationError(f"there is no '{'x' * 100_000}'; give another."))
    assert len(text) <= 120
    assert text.startswith("there is no 'xxx")
    assert text.endswith("xxx'; give another.")
    assert len(str(ObservationError("x " * 100_000))) <= 800


def test_only_what_is_quoted_is_cut() -> None:
    for text in (
        f"'a' {'is something else ' * 8}'b'.",
        f"the user's {'word ' * 30}image's",
        f"cannot read /{'a' * 200}/b.tif.",
        f"('{'x' * 80}')",
    ):
        assert str(ObservationError(text)) == text
    for text in (
        "'{}' is no date.",
        "no flag '--{}'; see",
        "('{}').",
        "{} is gone.",
        "'it's {}' is",
    ):
        error = ObservationError(text.format("x" * 5000))
        assert len(str(error)) <= 260
        assert str(error)[-2:] == text[-2:]


def test_values_in_messages_are_short() -> None:
    for value in (10**5000, "x" * 5000, [[[[[1]]]]], {"a" * 500: 1}, b"\0" * 500):
        assert len(shown(value)) <= 80


def test_settings_of_thousands_of_levels_or_digits() -> None:
    deep: object = 0
    for _ in range(50_000):
        deep = {"a": deep}
    for value in (deep, 10**5000, -(10**5000), "9" * 5000, "\ud800"):
        for name in ("model.stages", "output.times", "patches.size", "images.missing_value"):
            with pytest.raises(SettingsError) as error:
                Settings().updated({name: value})
            assert len(str(error.value)) < 400
        with pytest.raises(SettingsError):
            Settings.parse(value)
    with pytest.raises(SettingsError) as error:
        Settings().updated({"model." + "x" * 100_000: 1})
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    "changes",
    [
        {"pixel_size": 10**400, "units": "meter"},
        {"pixel_size": [[1.0, 2.0]], "units": "meter"},
        {"pixel_size": [1.0, [2.0]], "units": "meter"},
        {"pixel_size": 1.0, "units": 5},
        {"pixel_size": 1.0, "units": {"meter": 1}},
        {"offset": [[1.0], 2.0]},
        {"offset": "x" * 5000},
        {"offset": 10**5000},
    ],
)
def test_scales_that_are_none(changes: dict[str, object]) -> None:
    with pytest.raises(GeometryError) as error:
        Geometry.from_pixel_size(**changes)  # type: ignore[arg-type]
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_recognised(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


@pytest.mark.parametrize(("name", "end"), [("cpu", "width."), ("cuda", ", or the device cpu.")])
def test_exhausted_memory_is_one_sentence_with_a_remedy(name: str, end: str) -> None:
    error = no_memory(name)
    assert isinstance(error, OutOfMemoryError)
    assert str(error).startswith("the memory is too small for this training: choose a smaller")
    assert str(error).endswith(end)


def test_the_sentence_names_the_task() -> None:
    error = no_memory("cpu", "to render the frames", "choose fewer frames")
    assert str(error) == "the memory is too small to render the frames: choose fewer frames."
