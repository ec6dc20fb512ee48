"""Files: where they may be, written whole or not at all, and what they may claim."""
