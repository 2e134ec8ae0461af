"""Accumulators: add the chunks of a stream, ask for the complete reply. `synthesize` does the reverse. No I/O."""
