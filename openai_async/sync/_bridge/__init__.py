"""What the generated synchronous client stands on: the event loop in a thread, and values that cross over."""
