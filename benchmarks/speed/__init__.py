"""How long the presets take and how much memory they need, beside other methods.

`python -m benchmarks.speed --help` lists the options; docs/speed.md explains the
figures.
"""
