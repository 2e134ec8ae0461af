"""The Batch API: `/v1/batches`. Batches run for real, in the background.

`input` checks a batch's file, `run` answers its rows, `store` keeps its state. To add an endpoint, write a handler in
`endpoints` and add it to `routes`. To check more of a row, extend `input`.
"""
