"""How close the frames come to true ones, beside the methods that others use.

    python -m benchmarks.accuracy --data ../shared/data --rivals ../shared/bench/rivals.json

docs/accuracy.md describes what is measured and how.
"""
