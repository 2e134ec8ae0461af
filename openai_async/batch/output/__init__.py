"""OUT: its lines, its durability, and the journal of what is in flight."""
