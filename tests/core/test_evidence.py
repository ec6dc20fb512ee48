"""What is said of a result, in words."""

from __future__ import annotations

import pytest

from napari_latentdyn.core.evidence import agreement_sentence


def test_what_training_did_is_one_sentence() -> None:
    told = agreement_sentence({"agreement": {"before": 0.5524, "after": 0.6003, "hidden": True}})
    assert told == (
        "In blocks hidden from training, motion explains 60.0 % of the difference between the "
        "images; before training it was 55.2 %."
    )
    seen = agreement_sentence({"agreement": {"before": 0.1, "after": -0.2, "hidden": False}})
    assert seen.startswith("In blocks of the image, motion explains 0.0 %")


@pytest.mark.parametrize(
    "report", [{}, {"agreement": None}, {"agreement": {"before": None, "after": None}}]
)
def test_without_a_measurement_nothing_is_said(report: dict[str, object]) -> None:
    assert agreement_sentence(report) == ""
