"""What users read: plain words, and none of the phrases that they stumbled over."""

from __future__ import annotations

import ast
import re
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from napari_latentdyn.settings import iter_fields
from napari_latentdyn.settings.words import WORDS
from napari_latentdyn.viewer.explore.options import ExploreOptions

#: Phrases that users misread.
UNPLAIN = re.compile(
    r"\banew\b|\bunasked\b|(?<![Tt]here )\b(?:is|are) none\b|no number any more|says nothing to"
    r"|is there already|is at work|what was learned|learned beforehand|as if they did not"
    r"|everywhere along|ends this|follows at once|knows neither|compared as if|, the one shown"
    r"|in good order|of (?:that|this) kind\b|\bgoes over\b|\bdo(?:es)? without\b"
    r"|\bgo(?:es)? on\b|\b(?:all|none|nothing|everywhere) but\b"
    r"|(?<![Tt]here )\b(?:is|are) no (?!better\b|closer\b|less\b|longer\b|more\b|worse\b)"
)

#: A message names the wrong value as "X must be Y; got Z".
TAKES_NOT = re.compile(r"\btakes .*, not '")

#: A page or docstring that begins with "What" hides its subject.
QUESTION = re.compile(r"^What\b")

#: Metaphors that names of the code had; there is a standard term for each.
METAPHORS = re.compile(
    r"(?i)(?:^|_)(?:advice|ease|felt|findings|gathered|anew|leash|mailbox|relay|shelf|waited|wording)s?(?:_|$)"
)


def names(path: Path) -> set[str]:
    """Return the names that a module defines, and its own."""
    defined = {path.stem}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            defined.add(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.name))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defined.add(node.name)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
    return defined


def test_names_are_terms_of_the_field(root: Path) -> None:
    source = root / "src" / "napari_latentdyn"
    found = [
        f"{path.relative_to(source)}: {name}"
        for path in sorted(source.rglob("*.py"))
        for name in sorted(names(path))
        if METAPHORS.search(name)
    ]
    assert not found, "\n".join(found)


def test_no_private_name_of_another_package_is_read(root: Path) -> None:
    """An underscore before a name says that it may change with any release."""
    source = root / "src" / "napari_latentdyn"
    found = []
    for path in sorted(source.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        own = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        } | names(path)
        found += [
            f"{path.relative_to(source)}:{node.lineno}: {node.attr}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and re.match(r"_[^_]", node.attr)
            and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
            and node.attr not in own
            # A method of named tuples, which are public in spite of its underscore.
            and node.attr != "_replace"
        ]
    assert not found, "\n".join(found)


def texts(path: Path) -> list[tuple[int, str]]:
    """Return the texts of a module that may reach a user: all but its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def in_source(
    root: Path, read: Callable[[Path], list[tuple[int, str]]]
) -> Iterator[tuple[str, str]]:
    """Yield what is read from each module: its place with the text, and the text."""
    source = root / "src" / "napari_latentdyn"
    for path in sorted(source.rglob("*.py")):
        for line, text in read(path):
            yield f"{path.relative_to(source)}:{line}: {text}", text


def test_no_text_has_a_phrase_that_users_stumbled_over(root: Path) -> None:
    found = [where for where, text in in_source(root, texts) if UNPLAIN.search(text)]
    assert not found, "\n".join(found)


def docstrings(path: Path) -> list[tuple[int, str]]:
    """Return the docstrings of a module, each with its line."""
    nodes = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return [(getattr(node, "lineno", 1), ast.get_docstring(node) or "") for node in nodes]


def test_messages_say_what_a_value_must_be(root: Path) -> None:
    found = [where for where, text in in_source(root, texts) if TAKES_NOT.search(text)]
    assert not found, "\n".join(found)


def test_docstrings_are_plain(root: Path) -> None:
    found = [
        where
        for where, text in in_source(root, docstrings)
        if UNPLAIN.search(text.replace("\n", " ")) or QUESTION.search(text)
    ]
    assert not found, "\n".join(found)


def test_pages_are_plain(root: Path) -> None:
    found = []
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    for page in sorted(pages):
        text = " ".join(page.read_text(encoding="utf-8").split())
        found += [
            f"{page.name}: {text[max(0, match.start() - 40) : match.end() + 40]}"
            for match in UNPLAIN.finditer(text)
        ]
    assert not found, "\n".join(found)


def choices() -> dict[str, tuple[object, ...]]:
    """Return the values of all lists of the windows, by the dotted name of the setting."""
    fields = dict(iter_fields())
    for group, outer in ExploreOptions.model_fields.items():
        model = typing.cast("type[ExploreOptions]", outer.annotation)
        fields |= {f"{group}.{name}": field for name, field in model.model_fields.items()}
    return {
        name: typing.get_args(field.annotation)
        for name, field in fields.items()
        if typing.get_origin(field.annotation) is typing.Literal
    }


def test_plain_words_are_those_of_settings_and_tell_values_apart() -> None:
    known = choices()
    for name, words in WORDS.items():
        assert set(words) <= set(known[name]), name
        shown = [words.get(str(value), str(value)) for value in known[name]]
        assert len(set(shown)) == len(shown), name


@pytest.mark.parametrize("name", sorted(choices()))
def test_lists_show_words_and_no_names_of_the_code(name: str) -> None:
    for value in choices()[name]:
        shown = WORDS.get(name, {}).get(str(value), str(value))
        assert "_" not in shown
        assert shown not in ("follow", "local", "characteristics", "held_out", "euler", "total")
