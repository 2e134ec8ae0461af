"""Graders, which score an answer. Those that compare texts are run. Those that need a model or run code are not."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Callable
from typing import Any

from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, JSONObject, is_object

__all__ = ["check_grader", "run_grader"]

_TYPES = ("string_check", "text_similarity", "python", "score_model", "multi")
_NEEDED = {
    "string_check": ("name", "input", "reference", "operation"),
    "text_similarity": ("input", "reference", "evaluation_metric"),
    "python": ("name", "source"),
    "score_model": ("name", "input", "model"),
    "multi": ("name", "graders", "calculate_output"),
}
#: What may be wrong with a grader that ran. A refusal comes first for all that could be wrong here.
_FAULTS = (
    *("formula_parse_error", "sample_parse_error", "truncated_observation_error", "unresponsive_reward_error"),
    *("invalid_variable_error", "other_error", "python_grader_server_error", "python_grader_runtime_error"),
    *("model_grader_server_error", "model_grader_refusal_error", "model_grader_parse_error"),
)
_FAULT_TEXTS = (
    *("python_grader_server_error_type", "python_grader_runtime_error_details"),
    "model_grader_server_error_details",
)
_OPERATIONS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda text, reference: text == reference,
    "ne": lambda text, reference: text != reference,
    "like": lambda text, reference: reference in text,
    "ilike": lambda text, reference: reference.lower() in text.lower(),
}
_VARIABLE = re.compile(r"{{\s*([\w.]+)\s*}}")


def check_grader(fields: Fields) -> Fields:
    """Check the parameter `grader` of a request. Raises the API's 400 if it is invalid."""
    fields.required("grader")
    grader = fields.fields("grader") or fields
    grader.required("type")
    kind = grader.choice("type", _TYPES) or ""
    for name in _NEEDED[kind]:
        grader.required(name)
    if kind == "string_check":
        grader.choice("operation", tuple(_OPERATIONS))
    return grader


def run_grader(fields: Fields) -> JSONObject:
    """Grade `model_sample`. Raises the API's 400 if the grader cannot be run."""
    began = time.perf_counter()
    grader = check_grader(fields)
    fields.required("model_sample")
    context = {"sample": {"output_text": fields.text("model_sample")}, "item": fields.mapping("item") or {}}
    kind = grader.text("type") or ""
    if kind not in ("string_check", "text_similarity"):
        raise invalid(f"A grader of type '{kind}' is not run here, only checked.", param="grader.type")
    text, reference = (_rendered(grader.text(name) or "", context) for name in ("input", "reference"))
    if kind == "string_check":
        reward = float(_OPERATIONS[grader.text("operation") or "eq"](text, reference))
    else:
        reward = difflib.SequenceMatcher(None, text[:2000], reference[:2000]).ratio()
    return {
        "reward": reward,
        "metadata": {
            "name": grader.text("name") or kind,
            "type": kind,
            "errors": {**dict.fromkeys(_FAULTS, False), **dict.fromkeys(_FAULT_TEXTS)},
            "execution_time": time.perf_counter() - began,
            "scores": {},
            "token_usage": None,
            "sampled_model_name": None,
        },
        "sub_rewards": {},
        "model_grader_token_usage_per_model": {},
    }


def _rendered(template: str, context: JSONObject) -> str:
    """Fill in the variables of a template, such as `{{item.answer}}`. Raises the API's 400 for an unknown one."""

    def value(variable: re.Match[str]) -> str:
        here: Any = context
        for name in variable[1].split("."):
            if not is_object(here) or name not in here:
                raise invalid(f"Invalid template variable: '{variable[1]}'.", param="grader")
            here = here[name]
        return str(here)

    return _VARIABLE.sub(value, template)
