"""A batch through the client: its own calls, as many at once as the limits allow."""
