"""Images of one scene: their values checked and normalised, their files read."""
