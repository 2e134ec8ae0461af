"""Public modules that have moved. Their old names work for two minor versions, and warn."""

from typing import Final

MOVED: Final = {
    "openai_async.integrations.progress": "openai_async.progress.show",
    "openai_async.resources.table": "openai_async.resources._generic",
    "openai_async.types.assistants_params": "openai_async.types.params.assistants",
    "openai_async.types.audio_params": "openai_async.types.params.audio",
    "openai_async.types.batches_params": "openai_async.types.params.batches",
    "openai_async.types.chat_params": "openai_async.types.params.chat",
    "openai_async.types.completion_params": "openai_async.types.params.completions",
    "openai_async.types.embedding_params": "openai_async.types.params.embeddings",
    "openai_async.types.files_params": "openai_async.types.params.files",
    "openai_async.types.fine_tuning_params": "openai_async.types.params.fine_tuning",
    "openai_async.types.images_params": "openai_async.types.params.images",
    "openai_async.types.options": "openai_async.types.params.options",
    "openai_async.types.responses_params": "openai_async.types.params.responses",
    "openai_async.types.thing": "openai_async.types.api_object",
    "openai_async.types.uploads_params": "openai_async.types.params.uploads",
    "openai_async.types.vector_stores_params": "openai_async.types.params.vector_stores",
}
