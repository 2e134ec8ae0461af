"""The API's nouns for threads. Generated: see `openai_async.sync`."""
