"""Run a batch through the client's own pipeline, with as many calls at once as the limits allow.

The one rule: a row is recorded in the in-flight journal before it is sent. A failed row is an outcome, not an error; to
add a reason that halts the whole run, see `Run._watch`.
"""
