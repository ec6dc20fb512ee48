"""Where pixels lie: scale, units, place, reference system."""
