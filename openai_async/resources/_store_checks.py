"""Checks of the files that are attached to a vector store, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openai_async.errors import InvalidParameterError


def check_file(params: Mapping[str, Any]) -> None:
    """Refuse a missing file ID.

    Raises:
        InvalidParameterError: names the parameter.
    """
    if not params.get("file_id"):
        raise InvalidParameterError("file_id", "must be the id of a file")


def check_files(params: Mapping[str, Any]) -> None:
    """Refuse a value that is not a list of files, or both `file_ids` and `files`.

    Raises:
        InvalidParameterError: names the parameter.
    """
    check_ids(params)
    if (params.get("file_ids") is None) is (params.get("files") is None):
        raise InvalidParameterError("file_ids", "either these or `files` must be given")


def check_ids(params: Mapping[str, Any]) -> None:
    """Refuse a single file where a list is required.

    Raises:
        InvalidParameterError: names the parameter.
    """
    for name in ("file_ids", "files"):
        if isinstance(params.get(name), (str, bytes, Mapping)):
            raise InvalidParameterError(name, "must be a list")
