"""Seeded random input for every way into the package.

``python -m tests.fuzz --count 10000 --seed 0`` tries that many inputs. Whatever
is tried has to end well or in one sentence for the user: no traceback, no hang,
and no more than 1 GB of memory above what the imports take.
"""
