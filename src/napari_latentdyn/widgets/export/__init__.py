"""The dialog "Export": results in the formats of other programs, and movies of the canvas."""
