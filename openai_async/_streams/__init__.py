"""Replies that are read while they arrive: streams of events, and bodies."""
