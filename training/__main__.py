"""`python -m training`: train the prior, or go on with it, and write its weights."""

from training.cli import main

raise SystemExit(main())
