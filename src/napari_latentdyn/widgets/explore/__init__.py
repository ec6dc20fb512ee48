"""The dock widget "Explore dynamics"."""
