"""`/v1/fine_tuning` and `/v1/fine-tunes`."""
