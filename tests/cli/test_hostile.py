"""Whatever is typed or stands in a file of settings: one short sentence, and exit code 2."""

from __future__ import annotations

import time

import pytest

from napari_latentdyn.cli.flags import flag_of
from napari_latentdyn.settings import iter_fields

TEXTS = {
    "digits": "9" * 5000,
    "long": "x" * 100_000,
    "words": "word " * 1000,
    "quotes": "it's " + "'" * 3000,
    "commas": "," * 3000,
    "brackets": "[" * 50_000,
    "half a character": "\ud800",
    "byte": "\udcff",
    "null": "a\0b",
    "lines": "a\r\nb\x1b[2J",
    "small digit": "\u00b2",
    "two signs": "--5",
    "braces": "{}{0}{x!r}%s%(prog)s",
    "turning": "\u202e5",
}
FLAGS = [flag for name, _ in iter_fields() if (flag := flag_of(name)) is not None]


def check(answer, began):
    assert answer.code == 2, answer.err
    sentence = answer.sentence()
    assert len(sentence) <= 500
    assert sentence.isprintable()
    assert time.monotonic() - began < 5


@pytest.fixture(autouse=True)
def no_work(monkeypatch):
    def work(*_: object, **__: object) -> None:
        raise AssertionError("the work began")

    monkeypatch.setattr("napari_latentdyn.cli.series.read_series", work)
    monkeypatch.setattr("napari_latentdyn.cli.compare.read_image", work)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_command_lines(call, text):
    run = ("run", "a.tif", "b.tif", "-o", "out")
    for arguments in (
        (text,),
        ("info", text),
        (*run, text),
        (*run, f"--{text}", "3"),
        (*run, f"-{text}"),
        (*run, "--preset", text),
        (*run, "--set", text),
        (*run, "--set", f"{text}=3"),
        (*run, "--set", f"model.{text}=3"),
        (*run, "--set", f"model.stages={text}"),
        ("compare", "a.tif", "b.tif", "-o", "out", "--methods", f"{text}!"),
        ("compare", "a.tif", "b.tif", "-o", "out", "--truth", "c.tif", "--truth-times", text),
        ("demo", "--no-view", "-o", "out", "--preset", text),
        ("export", "run", "-o", "a.csv", "--to", text),
        ("export", "run", "-o", "a.mp4", "--width", text),
        ("export", "run", "-o", "a.mp4", "--limits", text, "3"),
    ):
        check(call(*arguments), time.monotonic())


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_flag_of_a_setting(call, text):
    if text == "\u202e5" or not text.strip():
        pytest.skip("is the name of something")
    for flag in FLAGS:
        check(call("run", "a.tif", "b.tif", "-o", "out", f"{flag}={text}"), time.monotonic())


FILES = {
    "nested lists": b"[" * 50_000 + b"]" * 50_000,
    "nested groups": b'{"model": ' * 50_000 + b"1" + b"}" * 50_000,
    "nested value": b'{"model": {"stages": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
    "digits": b'{"model": {"stages": ' + b"9" * 5000 + b"}}",
    "few digits": b'{"model": {"stages": ' + b"9" * 400 + b"}}",
    "exponent": b'{"images": {"interval": 1e999}}',
    "half a character": b'{"training": {"start_from": "\\ud800"}}',
    "name": b'{"' + b"x" * 100_000 + b'": 1}',
    "text": b'{"model": {"stages": "' + b"x" * 100_000 + b'"}}',
    "control": b'{"model": {"stages": "a\\u0000\\u001b[2J\\n"}}',
    "no text": b"\xff\xfe\x00",
    "nothing": b"",
    "number": b"3",
    "lists": b'{"patches": {"size": [' + b"1," * 50_000 + b"1]}}",
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_files_of_settings(call, tmp_path, content):
    file = tmp_path / "settings.json"
    file.write_bytes(content)
    began = time.monotonic()
    check(call("run", "a.tif", "b.tif", "-o", tmp_path / "out", "--settings", file), began)
