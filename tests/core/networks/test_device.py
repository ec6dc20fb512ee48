"""What is said of devices."""

from __future__ import annotations

import pytest
import torch

from napari_latentdyn.core.networks.device import no_memory
from napari_latentdyn.errors import OutOfMemoryError


@pytest.mark.parametrize(("name", "end"), [("cpu", "width."), ("cuda", ", or the device cpu.")])
def test_exhausted_memory_is_one_sentence_with_a_remedy(name: str, end: str) -> None:
    error = no_memory(torch.device(name))
    assert isinstance(error, OutOfMemoryError)
    assert str(error).startswith("the memory is too small for this training: choose a smaller")
    assert str(error).endswith(end)


def test_the_sentence_names_the_task() -> None:
    error = no_memory(torch.device("cpu"), "to render the frames", "choose fewer frames")
    assert str(error) == "the memory is too small to render the frames: choose fewer frames."
