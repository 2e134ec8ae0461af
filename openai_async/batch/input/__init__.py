"""Read IN: records, the requests that they become, and the rows that are still pending.

The one rule: a bad line is reported with its number and its reason, and the rest of IN is read. To add a format, extend
`request_builder.InputFormat`, and let `source` detect it and read its records.
"""
