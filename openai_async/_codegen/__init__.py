"""Generators of code and data, run as `python -m openai_async._codegen.NAME`. Nothing of the package imports them.

    sync          the synchronous client, from the asynchronous one (`--check` writes nothing)
    operations    `resources/endpoints.txt`, from the published OpenAPI document
    prices        `_policy/price_data.json`, from the installed genai-prices

The one rule: an output is committed, begins with a line that names its generator, and depends on its input alone. To
add a generator, write one module here with a `main`, and a test that its output is current.

The synchronous client takes five modules: `sync_table` is the only one with exceptions and words, `sync_source` reads,
`sync_names` resolves names and imports, `sync_module` builds a module, `sync_text` lays out its lines.
"""
