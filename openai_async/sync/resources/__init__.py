"""The resources of the API, for threads. Generated: see `openai_async.sync`."""
