"""IN: reading rows, and making requests of them."""
