"""A batch through the server's Batch API."""
