"""Generators and checks, run as `python -m openai_async._codegen.NAME`. No other module imports them."""
