"""Series: even frames are given, odd ones are hidden and predicted."""
