"""Values that programs trip over."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

Random = np.random.Generator

TEXTS = (
    "",
    " ",
    "a\0b",
    "\n",
    "\ud800",
    "\udcff",
    "é",
    "日本語",
    "\u202e",
    "x" * 300,
    "x" * 5000,
    "~",
    "~nobody/x",
    "/",
    "..",
    "-",
    "--",
    "-1",
    "--5",
    "²",
    "none",
    "nan",
    "inf",
    "1e999",
    "9" * 5000,
    "0x10",
    "1_0",
    "true",
    "{}",
    "[]",
    '"',
    "'",
    '"""',
    "{0}",
    "%s",
    "%",
    "$HOME",
    "9**9**9**9",
)
NUMBERS = (
    *(0, 1, -1, 2, 3, 7, 8, 15, 16, 17, 64, 255, 65535),
    *(2**31 - 1, 2**31, -(2**31), 2**63 - 1, 2**63, 2**64, 10**30, 10**400, -(10**5000)),
    *(0.0, -0.0, 0.5, 1.5, -0.5, 1e-320, 1e-30, 1e30, 1e308, 1e-9, 0.1),
)
WILD_NUMBERS = (*NUMBERS, float("nan"), float("inf"), float("-inf"))


def pick(random: Random, choices: Any) -> Any:
    """Return one of the choices as it is, not as a value of NumPy."""
    return choices[int(random.integers(len(choices)))]


def some_text(random: Random) -> str:
    """Return text, now and then of random letters."""
    if random.random() < 0.7:
        return str(pick(random, TEXTS))
    letters = random.integers(0, pick(random, (128, 0x300, 0x11000)), int(random.integers(1, 12)))
    return "".join(map(chr, letters.tolist()))


def some_value(random: Random, depth: int = 3) -> Any:
    """Return a value that JSON could hold, seldom a sensible one."""
    kind = random.integers(9 if depth else 6)
    if kind == 0:
        return None
    if kind == 1:
        return bool(random.random() < 0.5)
    if kind in (2, 3):
        return pick(random, WILD_NUMBERS)
    if kind in (4, 5):
        return some_text(random)
    if kind == 6:
        return [some_value(random, depth - 1) for _ in range(int(random.integers(5)))]
    if kind == 7:
        return {
            some_text(random): some_value(random, depth - 1) for _ in range(int(random.integers(4)))
        }
    return nested(int(pick(random, (10, 150, 250, 5000))), pick(random, ("list", "dict")))


def nested(depth: int, kind: str) -> Any:
    """Return a list, or a mapping, nested to a depth."""
    value: Any = 0
    for _ in range(depth):
        value = [value] if kind == "list" else {"a": value}
    return value


def places(data: Any, path: tuple[Any, ...] = (), depth: int = 12) -> list[tuple[Any, ...]]:
    """Return the paths to all values within nested lists and mappings."""
    found = [path]
    if depth and isinstance(data, dict):
        for key, value in data.items():
            found += places(value, (*path, key), depth - 1)
    elif depth and isinstance(data, list):
        for key, value in enumerate(data[:4]):
            found += places(value, (*path, key), depth - 1)
    return found


def mutate_data(random: Random, data: Any) -> Any:
    """Change one place within nested lists and mappings, in place where possible."""
    path = pick(random, places(data))
    if not path:
        return some_value(random) if random.random() < 0.3 else data
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    what = random.integers(6)
    if what == 0 and isinstance(inner, dict):
        inner.pop(path[-1])
    elif what == 1 and isinstance(inner, dict):
        inner[some_text(random)] = some_value(random)
    elif what == 2 and isinstance(inner, list):
        inner.append(some_value(random))
    else:
        inner[path[-1]] = some_value(random)
    return data


def to_json(data: Any) -> str:
    """Return JSON text of values, whatever they are."""
    try:
        return json.dumps(data)
    except (RecursionError, ValueError):
        return '{"a":' * 3000 + "9" * 6000 + "}" * 3000


def mutate_bytes(random: Random, content: bytes) -> bytes:
    """Flip, cut, repeat, insert or overwrite parts of a file."""
    data = bytearray(content)
    for _ in range(int(pick(random, (1, 1, 2, 5, 20)))):
        if not data:
            break
        # Headers are at the beginning, and directories of archives at the end.
        where = int(random.integers(len(data)))
        if random.random() < 0.6:
            near = int(random.integers(min(512, len(data))))
            where = near if random.random() < 0.6 else len(data) - 1 - near
        what = random.integers(7)
        if what == 0:
            data[where] ^= 1 << int(random.integers(8))
        elif what == 1:
            data[where] = int(random.integers(256))
        elif what == 2:
            value = pick(random, (b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x80"))
            data[where : where + 4] = value
        elif what == 3:
            del data[where:]
        elif what == 4:
            del data[where : where + int(random.integers(1, 64))]
        elif what == 5:
            data[where:where] = random.bytes(int(random.integers(1, 64)))
        else:
            start = int(random.integers(len(data)))
            data[where : where + 32] = data[start : start + 32]
    return bytes(data)
