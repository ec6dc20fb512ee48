"""The dock widget "Compare methods"."""
