"""Run a batch through the server's Batch API: upload IN in parts, poll their batches, and collect the results in OUT.

The one rule: each part gets one batch, because a batch is looked for before it is created. `service` alone makes calls.
To accept another server's form of results, extend `result_lines`.
"""
