"""Fine-tuning: jobs, permissions and graders in `/v1/fine_tuning`, and the older `/v1/fine-tunes`.

`request` checks a job's request and files, and `store` advances the jobs by the emulator's clock. To add an endpoint,
write a handler in `endpoints` or `legacy` and add it to `routes`. To add a grader, extend `graders`.
"""
