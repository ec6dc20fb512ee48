from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from tests.core.helpers import finished
from training.card import BEGIN, END
from training.card import main as write_card
from training.cli import main
from training.evaluate import evaluate
from training.export import kept
from training.feed import batches, scene_of
from training.losses import field_loss, start_near
from training.plan import Plan
from training.train import new_state, rate, train

from napari_latentdyn.core.observations.observations import Observations
from napari_latentdyn.core.training.fit import fit
from napari_latentdyn.settings import Settings

TINY = {
    "model.latent_channels": 6,
    "model.encoder_width": 8,
    "model.unet_width": 4,
    "model.extractor_width": 12,
    "model.levels": 3,
}
CPU = torch.device("cpu")


def tiny() -> Settings:
    return Settings().updated(TINY)


def small_plan(**changes: object) -> Plan:
    chosen = {"steps": 3, "batch": 2, "fresh": 1, "pool": 4, "size": 48, "longest": 6.0}
    return Plan.parse({**chosen, "workers": 0, "coarse": 0, "save_every": 2, **changes})


def weights_after(plan: Plan, folder: Path | None = None) -> dict[str, torch.Tensor]:
    for state in train(plan, tiny(), folder):
        last = state
    return {name: value.clone() for name, value in last.mean.state_dict().items()}


def test_a_short_training_beats_an_untrained_model_on_unseen_scenes() -> None:
    plan = small_plan(
        steps=100,
        batch=8,
        fresh=2,
        pool=64,
        size=64,
        longest=10.0,
        simple=300,
        learning_rate=2e-3,
        averaging=0.98,
        warm_up=50,
    )
    untrained = evaluate(new_state(plan, tiny(), CPU).mean, 24, 64, 10.0)
    for state in train(plan, tiny()):
        trained = state
    found = evaluate(trained.mean, 24, 64, 10.0)
    assert untrained.epe == pytest.approx(untrained.still)
    assert found.epe < 0.95 * untrained.epe
    assert found.psnr > untrained.psnr + 0.5


def test_scenes_for_judging_are_none_of_those_for_training() -> None:
    trained = [scene_of(0, number, 48, 6.0).frames for number in range(4)]
    assert len({float(frames.sum()) for frames in trained}) == 4
    again = scene_of(0, 2, 48, 6.0).frames
    assert torch.equal(again, trained[2])


def test_processes_give_the_same_batches_as_none() -> None:
    alone, helped = (batches(small_plan(workers=count)) for count in (0, 1))
    for _ in range(3):
        a, b = next(alone), next(helped)
        assert torch.equal(a.frames, b.frames)
        assert torch.equal(a.velocity, b.velocity)
    helped.close()


def test_turned_and_reversed_scenes_keep_the_truth_of_their_velocity() -> None:
    feed = batches(small_plan(size=64, longest=8.0, batch=4, simple=10**6))
    better = 0
    for _ in range(6):
        example = next(feed)
        first, last = example.frames[:, :1], example.frames[:, -1:]
        from napari_latentdyn.core.physics.motion import pixel_ends
        from napari_latentdyn.core.physics.sampling import sample

        apart = []
        for sign in (1.0, -1.0):
            origins, goals = pixel_ends(sign * example.velocity, "local")
            inner = (sample(first, origins) - sample(last, goals))[..., 12:-12, 12:-12]
            apart.append(inner.abs().mean(dim=(1, 2, 3)))
        better += int((apart[0] < apart[1]).sum())
    assert better >= 22


def test_the_true_velocity_has_no_error() -> None:
    example = next(batches(small_plan(batch=3)))
    start = torch.zeros_like(example.velocity)
    exact, epe = field_loss([example.velocity], start, example)
    _, still = field_loss([start], start, example)
    assert float(epe) == 0.0
    assert float(still) > 0.0
    assert float(exact) < 0.05


def test_starts_are_nothing_or_near_the_truth() -> None:
    example = next(batches(small_plan(batch=8)))
    random = torch.Generator().manual_seed(0)
    assert not start_near(example, 0.0, random).any()
    near = start_near(example, 1.0, random)
    assert float((near - example.velocity).abs().median()) < 2.0


def test_a_training_that_went_on_equals_one_that_never_stopped(tmp_path: Path) -> None:
    # Without scenes seen again, whose memory is not written down.
    plan = small_plan(steps=4, fresh=2)
    whole = weights_after(plan)
    for state in train(plan, tiny(), tmp_path):
        if state.step == 2:
            break
    went_on = weights_after(plan, tmp_path)
    assert all(torch.equal(value, went_on[name]) for name, value in whole.items())
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] == 4


def test_the_rate_rises_and_falls() -> None:
    plan = Plan(steps=1000, warm_up=100, learning_rate=1e-3, final_rate=0.1)
    rates = [rate(plan, step) for step in range(1001)]
    assert rates[0] < 2e-5
    assert max(rates) == pytest.approx(1e-3, rel=0.05)
    assert rates[-1] == pytest.approx(1e-4)


def test_the_command_writes_weights_that_fits_start_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = [
        "--steps",
        "2",
        "--batch",
        "2",
        "--fresh",
        "1",
        "--size",
        "48",
        "--longest",
        "6",
        "--workers",
        "0",
        "--judged",
        "2",
    ]
    sets = [f"--set={name}={value}" for name, value in TINY.items()]
    assert main(["-o", str(tmp_path), *flags, *sets]) == 0
    path = tmp_path / "prior.safetensors"
    with safe_open(path, framework="pt") as file:
        card = json.loads(file.metadata()["prior"])
    assert card["steps"] == 2
    assert card["plan"]["seed"] == 0
    assert card["curves"][-1]["step"] == 2
    assert set(card) >= {"settings", "commit", "figures", "seconds", "torch"}

    page = tmp_path / "card.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert write_card(["--page", str(page), "--weights", str(path)]) == 0
    text = page.read_text()
    assert text.startswith("before")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| optimiser steps | 2 |" in text

    from napari_latentdyn.core.training import prior

    prior._read_prior.cache_clear()
    monkeypatch.setattr(prior, "PRIOR_FILE", path)
    scene = scene_of(0, 0, 48, 6.0)
    pair = Observations.from_arrays(scene.frames[0].numpy(), scene.frames[-1].numpy())
    start = {"training.start_from": "prior", "training.steps": 0, "training.device": "cpu"}
    settings = tiny().updated({**start, "model.initial_fields": "zero"})
    _, dynamics = finished(fit(pair, settings))
    prior._read_prior.cache_clear()
    with safe_open(path, framework="pt") as file:
        for name, value in dynamics.fitted.model.state_dict().items():
            # The decoder of the prior waits until something is trained.
            wanted = file.get_tensor(name).float() * (not name.startswith("decoder.output"))
            assert torch.equal(value, wanted)

    # Over, and nothing to do.
    assert main(["-o", str(tmp_path), *flags, *sets]) == 2


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--steps", "0"], "steps"),
        (["--judged", "0"], "at least 1"),
        (["--set", "model.levles=2"], "did you mean 'model.levels'"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, flags: list[str], says: str
) -> None:
    assert main(["-o", str(tmp_path), *flags]) == 2
    assert says in caplog.text


def test_folders_that_cannot_be_used_are_said_so_in_one_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("x")
    assert main(["-o", str(tmp_path / "file")]) == 2
    assert "give another folder" in caplog.text
    (tmp_path / "state.pt").write_bytes(b"x" * 100)
    assert main(["-o", str(tmp_path)]) == 2
    assert "is damaged" in caplog.text
    for _ in train(small_plan(steps=2), tiny(), tmp_path / "tiny"):
        pass
    assert main(["-o", str(tmp_path / "tiny"), "--workers", "0"]) == 2
    assert "other networks" in caplog.text


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_part_of_what_the_decoder_changes_is_kept(share: float) -> None:
    plan = small_plan(decoder_share=share)
    for state in train(plan, tiny()):
        last = state
    with torch.no_grad():
        for weight in last.mean.decoder.output.parameters():
            weight.add_(0.1)
    model = kept(last, plan)
    latent = torch.rand(1, model.latent_channels, 16, 16)
    learned = last.mean.decode(latent) - latent[:, :1]
    torch.testing.assert_close(model.decode(latent), latent[:, :1] + share * learned)
