"""Chunks and events -> the complete reply, and back. No I/O."""
