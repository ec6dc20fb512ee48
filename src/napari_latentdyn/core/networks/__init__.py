"""Encoder, field extraction, decoder, and how they are wired."""
