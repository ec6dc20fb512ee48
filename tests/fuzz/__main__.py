"""``python -m tests.fuzz``: try random inputs and list those that end badly."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz.runner import KINDS, fuzz


def main() -> int:
    """Return 0 if all inputs ended well or in one sentence."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many inputs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--limit", type=float, default=30.0, help="seconds for each input")
    parser.add_argument("--only", metavar="KIND:NUMBER", help="one input, as failures name it")
    parser.add_argument("--reasons", action="store_true", help="list the usual refusals")
    options = parser.parse_args()
    only = None
    if options.only:
        kind, _, number = options.only.partition(":")
        only = (kind, int(number))
    outcome = fuzz(
        options.count,
        options.seed,
        kinds=options.kinds,
        limit=options.limit,
        only=only,
        tell=lambda text: print(text, flush=True),
    )
    for reason, count in outcome.reasons.most_common(40 if options.reasons else 0):
        print(f"{count:6} {reason}")
    for kind, count in outcome.tried.items():
        print(f"{kind}: {count} tried, {outcome.refused[kind]} refused in one sentence")
    print(
        f"{len(outcome.failures)} of {outcome.tried.total()} failed; "
        f"slowest {outcome.slowest:.1f} s, at most {outcome.largest >> 20} MiB above the start"
    )
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
