"""The worth of prior knowledge: known regions, tracks and landmarks on generated scenes."""
