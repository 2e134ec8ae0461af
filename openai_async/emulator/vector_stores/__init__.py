"""Vector stores: `/v1/vector_stores`, their files and file batches, and search.

`store` keeps the stores, `search` scores chunks of text by shared words. To add an endpoint, write a handler in
`endpoints` and add it to `routes`.
"""
