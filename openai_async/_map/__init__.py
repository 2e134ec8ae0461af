"""Many calls at once, in a bounded window."""
