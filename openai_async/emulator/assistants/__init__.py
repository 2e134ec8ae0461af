"""`/v1/assistants` and `/v1/threads`."""
