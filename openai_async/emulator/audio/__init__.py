"""`/v1/audio`."""
