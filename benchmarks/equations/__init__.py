"""Every equation on generated scenes, each of which follows one of them."""
