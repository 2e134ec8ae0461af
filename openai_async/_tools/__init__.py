"""Generators and checks, run as `python -m openai_async._tools.NAME`. No other module imports them."""
