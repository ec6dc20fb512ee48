"""Images on disk, small enough to train on within a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_latentdyn.cli import main

_TINY = ("--steps", "3", "--stages", "2", "--patch-size", "32", "32", "--stride", "32", "32")
_TINY += ("--initial-fields", "zero", "--levels", "1", "--unet-width", "2", "--encoder-width", "2")
_TINY += ("--latent-channels", "2", "--start-from", "scratch")


@dataclass(frozen=True)
class Answer:
    """What a call of the command line returned and said."""

    code: int
    out: str
    err: str

    def sentence(self) -> str:
        """The message of a call that failed, which has to be one sentence."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("napari-latentdyn: ")
        assert lines[0].endswith((".", "?"))
        assert "Traceback" not in self.err
        assert self.out == ""
        return lines[0].removeprefix("napari-latentdyn: ")


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Flags of a training that takes no time."""
    return _TINY


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Call the command line in this process."""

    def run(*arguments: object) -> Answer:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return run


def write_pair(folder: Path, drifting: Callable[[float], NDArray[np.uint8]]) -> tuple[Path, Path]:
    """Write two images; the pixels of the first are 100 m wide."""
    first, last = folder / "first.ome.tif", folder / "last.tif"
    size = {f"PhysicalSize{axis}": 100.0 for axis in "XY"}
    units = {f"PhysicalSize{axis}Unit": "m" for axis in "XY"}
    tifffile.imwrite(first, drifting(0.0), ome=True, metadata={"axes": "YX", **size, **units})
    tifffile.imwrite(last, drifting(1.0))
    return first, last


@pytest.fixture
def pair(tmp_path: Path, drifting: Callable[[float], NDArray[np.uint8]]) -> tuple[Path, Path]:
    """Two images as files; the pixels of the first are 100 m wide."""
    return write_pair(tmp_path, drifting)
