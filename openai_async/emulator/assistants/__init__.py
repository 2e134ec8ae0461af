"""The Assistants API: `/v1/assistants` and `/v1/threads`, with messages, runs and steps.

`store` keeps the objects, `run_work` moves a run through its states, `fields` reads what requests have in common. To
add an endpoint, write a handler in `endpoints`, `threads` or `runs`, and add it to `routes` there with `fields.route`.
"""
