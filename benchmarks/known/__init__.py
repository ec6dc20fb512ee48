"""What prior knowledge is worth: known regions, tracks and landmarks on generated scenes."""
