"""The tree of exceptions: as drawn, as built, and as complete as the libraries underneath need it."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import re
from collections.abc import Iterator
from typing import Any

import pytest

from openai_async import errors
from openai_async._transport import exceptions
from openai_async._wire import error_responses
from openai_async.types.attempt import Attempt

CLASSES: list[type[errors.OpenAIError]] = [
    cls for cls in vars(errors).values() if inspect.isclass(cls) and cls.__module__ == errors.__name__
]
ATTEMPTS = (Attempt(1, "rejected", 429, "RateLimitError", 0.1, 0.5), Attempt(2, "ambiguous", None, "X", 0.2))


# ---- the drawing


def drawn() -> Iterator[tuple[str, str | None, str | None, str]]:
    """Each line of the drawing: the class, the one it hangs on, its second base, and what is said of it."""
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"((?:│   |    )*(?:├── |└── )?)([A-Z]\w+)(?: \((\w+)\))?(?:\s{2,}(.*))?$", line)
        if match is None:
            continue
        depth = len(match[1]) // 4
        del above[depth:]
        yield match[2], above[-1] if above else None, match[3], match[4] or ""
        above.append(match[2])


def test_the_drawing_is_the_tree() -> None:
    """The docstring of `errors` names every exception once, under its base class."""
    described = {name: [base for base in (parent, second) if base] for name, parent, second, _ in drawn()}
    built = {cls.__name__: [base.__name__ for base in cls.__bases__ if base is not Exception] for cls in CLASSES}
    assert described == built
    assert len(described) == len([*drawn()]) > 25


def test_the_drawing_names_the_status_of_each_class() -> None:
    """The numbers beside the classes are those by which answers become exceptions."""
    described = {name: int(match[0]) for name, _, _, text in drawn() if (match := re.match(r"\d{3}", text)) is not None}
    raised = {cls.__name__: status for status, cls in error_responses._BY_STATUS.items()}
    special = {"QuotaExhaustedError": 429, "RequestExceedsLimitError": 429}
    assert described == raised | special


# ---- values


def example(cls: type[errors.OpenAIError]) -> errors.OpenAIError:
    """An exception of this class with every field filled."""
    if issubclass(cls, (errors.ConfigurationError, errors.InvalidParameterError, errors.RemovedEndpointError)):
        return cls("messages[0].role", "is wrong")
    if not issubclass(cls, errors.APIError):
        return cls("text")
    fields: dict[str, Any] = {"code": "c", "type": "t", "param": "p", "body": {"a": [1]}, "request_id": "req_1"}
    fields |= {"retry_after": 1.5, "should_retry": False, "attempts": ATTEMPTS, "partial": "Hel"}
    if issubclass(cls, errors.APIConnectionError):
        fields["phase"] = "response"
    if issubclass(cls, (errors.APIStatusError, errors.InvalidResponseError)):
        fields["status_code"] = 418
    if issubclass(cls, errors.DecodeError):
        fields["path"] = "$.id"
    return cls("it failed", **fields)


@pytest.mark.parametrize("cls", CLASSES)
def test_errors_survive_pickling_and_copying(cls: type[errors.OpenAIError]) -> None:
    """An error crosses a process pool, or a deep copy, with its class, its text and every field."""
    error = example(cls)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        same(pickle.loads(pickle.dumps(error, protocol)), error)
    same(copy.copy(error), error)
    same(copy.deepcopy(error), error)


def same(found: errors.OpenAIError, wanted: errors.OpenAIError) -> None:
    assert type(found) is type(wanted)
    assert (str(found), repr(found), found.args, vars(found)) == (str(wanted), repr(wanted), wanted.args, vars(wanted))


def test_an_error_says_its_request_and_the_number_of_attempts() -> None:
    """What support asks for first is in the text of the error."""
    assert str(example(errors.RateLimitError)) == "it failed (request req_1, 2 attempts)"
    assert str(errors.RateLimitError("it failed", status_code=429)) == "it failed"


def test_an_error_tells_whether_the_call_may_have_been_billed() -> None:
    """One attempt without a known end is enough."""
    error = errors.RateLimitError("it failed", status_code=429, attempts=ATTEMPTS[:1])
    assert not error.possibly_billed
    error.attempts = ATTEMPTS
    assert error.possibly_billed


# ---- exceptions of the HTTP libraries


def foreign_exceptions() -> Iterator[type[Exception]]:
    """Every exception that httpx or httpx2 defines, warnings apart."""
    for library in ("httpx", "httpx2"):
        for module in (importlib.import_module(library), importlib.import_module(f"{library}._exceptions")):
            for cls in vars(module).values():
                if inspect.isclass(cls) and issubclass(cls, Exception) and not issubclass(cls, Warning):
                    assert cls.__module__.partition(".")[0] == library
                    yield cls


FOREIGN = sorted({*foreign_exceptions()}, key=lambda cls: (cls.__module__, cls.__name__))


@pytest.mark.parametrize("cls", FOREIGN, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
@pytest.mark.parametrize("header_received", [False, True])
def test_every_exception_of_httpx_has_a_counterpart(cls: type[Exception], header_received: bool) -> None:
    """Whatever httpx raises becomes ours, by a line of the table, with its own text and none of its frames."""
    assert any(base.__name__ in exceptions._PHASES for base in cls.__mro__)
    error = raised(cls)
    ours = exceptions.translate(error, header_received=header_received)
    assert isinstance(ours, errors.APIConnectionError)
    assert ours.__cause__ is error
    assert error.__traceback__ is None
    if header_received:
        assert ours.phase == "body"
    elif "Connect" in cls.__name__ or "Pool" in cls.__name__:
        assert (ours.phase, ours.outcome) == ("connect", "not_sent")
    elif "Write" in cls.__name__:
        assert (ours.phase, ours.outcome) == ("send", "not_sent")
    elif "Read" in cls.__name__ or "Remote" in cls.__name__:
        assert (ours.phase, ours.outcome) == ("response", "ambiguous")
    assert isinstance(ours, errors.APITimeoutError) == ("Timeout" in cls.__name__)


def raised(cls: type[Exception]) -> Exception:
    """An exception of this class that has been raised, whatever its constructor wants."""
    try:
        raise cls.__new__(cls, "the reason")
    except cls as error:
        return error


def test_the_table_names_no_exception_that_does_not_exist() -> None:
    """A line for an exception that was renamed would never match again."""
    assert {*exceptions._PHASES} <= {cls.__name__ for cls in FOREIGN}


@pytest.mark.parametrize("error", [errors.DecodeError("x"), KeyboardInterrupt(), ZeroDivisionError("a bug")])
def test_our_own_errors_cancellations_and_bugs_pass_as_they_are(error: BaseException) -> None:
    """Only failures of the network are translate."""
    assert exceptions.translate(error, header_received=True) is error
