"""Helpers of the tests of run folders."""

from __future__ import annotations

import pytest

from napari_latentdyn.errors import RunFolderError


def one_sentence(error: pytest.ExceptionInfo[RunFolderError]) -> str:
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text
