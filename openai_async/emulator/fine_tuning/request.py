"""The request of a fine-tuning job: its check, that of its files, and the plan of the job."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import orjson

from openai_async.emulator.error_responses import ErrorResponse, invalid
from openai_async.emulator.fields import Fields, JSONObject, is_list, is_object
from openai_async.emulator.fine_tuning.store import Plan

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend
    from openai_async.emulator.files.store import StoredFile

__all__ = ["LEGACY_MODELS", "plan_of_fine_tune", "plan_of_job"]

LEGACY_MODELS = ("ada", "babbage", "curie", "davinci")
_METHODS = ("supervised", "dpo", "reinforcement")
_EPOCHS = 3
_LEAST_EXAMPLES = 10
_MOST_EPOCHS = 50


def plan_of_job(emulator: Backend, fields: Fields) -> Plan:
    """Check the request of a job and its files. Raises the API's 400 and 404."""
    fields.required("model")
    base = emulator.catalog.find(fields.text("model") or "", param="model").snapshot
    training = _file(emulator, fields, "training_file")
    _file(emulator, fields, "validation_file", needed=False)
    suffix = fields.text("suffix") or ""
    if len(suffix) > 64:
        raise invalid(
            "Invalid 'suffix': expected at most 64 characters.", param="suffix", code="string_above_max_length"
        )
    fields.integer("seed")
    method = fields.fields("method") or Fields({}, "method")
    if fields.get("method") is not None:
        method.required("type")
    kind = method.choice("type", _METHODS) or "supervised"
    inner = (method.fields(kind) or Fields({})).fields("hyperparameters") or fields.fields("hyperparameters")
    epochs = (
        None if inner is None or inner.get("n_epochs") == "auto" else inner.integer("n_epochs", 1, _MOST_EPOCHS)
    ) or _EPOCHS
    name = f"ft:{base}:{emulator.organization}:{suffix}:{uuid4().hex[:8]}"
    return Plan(base, name, epochs, training.size // 4 * epochs, _fault(training, kind))


def plan_of_fine_tune(emulator: Backend, fields: Fields) -> Plan:
    """Check the request of an old fine-tune and its files. Raises the API's 400 and 404."""
    base = fields.text("model") or "curie"
    if base not in LEGACY_MODELS:
        emulator.catalog.find(base, param="model")
    training = _file(emulator, fields, "training_file")
    _file(emulator, fields, "validation_file", needed=False)
    suffix = fields.text("suffix") or ""
    if len(suffix) > 40:
        raise invalid(
            "Invalid 'suffix': expected at most 40 characters.", param="suffix", code="string_above_max_length"
        )
    epochs = fields.integer("n_epochs", 1, _MOST_EPOCHS) or 4
    moment = time.strftime("%Y-%m-%d-%H-%M-%S", time.gmtime())
    organization = emulator.organization.removeprefix("org-")
    name = f"{base}:ft-{organization}{f':{suffix}' if suffix else ''}-{moment}"
    return Plan(base, name, epochs, training.size // 4 * epochs, _fault(training, "legacy"))


def _file(emulator: Backend, fields: Fields, name: str, *, needed: bool = True) -> StoredFile:
    file_id = fields.required(name) if needed else fields.get(name)
    file = emulator.files.get(fields.text(name) or "")
    if file_id is not None and (file is None or file.purpose != "fine-tune"):
        raise ErrorResponse(400, f"invalid {name}: {file_id}", param=name, code="invalid_file")
    return file  # type: ignore[return-value]


def _fault(file: StoredFile, kind: str) -> tuple[str, str, str] | None:
    """Read a training file. Gives the reason if it cannot be used."""
    offset, examples = 0, 0
    while line := file.line_at(offset):
        offset += len(line)
        if not line.strip():
            continue
        examples += 1
        if not _is_example(line, kind):
            message = (
                f"The job failed due to an invalid training file. Invalid file format. Line {examples} is no example."
            )
            return "invalid_training_file", message, "training_file"
    if kind != "legacy" and examples < _LEAST_EXAMPLES:
        message = f"Training file has {examples} example(s), but must have at least {_LEAST_EXAMPLES} examples"
        return "invalid_n_examples", message, "training_file"
    return None


def _is_example(line: bytes, kind: str) -> bool:
    try:
        row: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    if not is_object(row):
        return False
    return _has_messages(row.get("input") if kind == "dpo" else row) or (
        kind in ("legacy", "supervised") and all(isinstance(row.get(name), str) for name in ("prompt", "completion"))
    )


def _has_messages(row: JSONObject | None) -> bool:
    messages = row.get("messages") if is_object(row) else None
    return is_list(messages) and bool(messages) and all(is_object(message) for message in messages)
