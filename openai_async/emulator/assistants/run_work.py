"""Runs: the work of an assistant on a thread, step by step.

    queued -> in_progress -> completed, incomplete or failed
                  |  ^
                  v  `- outputs are submitted
            requires_action            cancelling -> cancelled        expired: all that have not ended in time

A run advances by one state each time it is retrieved. A poller therefore sees each state, and no test waits for a
clock. A streamed run advances until it ends or needs its caller. Texts and tool calls are those of the chat endpoint
for the same conversation. Hosted tools are never called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import define, field

from openai_async.emulator.catalog import Model
from openai_async.emulator.chat.reply import Choice, ToolCall, compose
from openai_async.emulator.chat.request import ChatRequest
from openai_async.emulator.error_responses import ErrorResponse, invalid
from openai_async.emulator.fields import JSONObject, is_object
from openai_async.emulator.records import Record, missing, now
from openai_async.emulator.text import digest

__all__ = ["LIFETIME", "Run", "Thread"]

LIFETIME: Final = 600  # seconds
_MOVING: Final = ("queued", "in_progress", "cancelling")
_DATED: Final = {"completed": "completed_at", "cancelled": "cancelled_at", "failed": "failed_at"}
_PASSED_ON: Final = ("temperature", "top_p", "max_completion_tokens", "parallel_tool_calls")


@define(eq=False)
class Thread(Record):
    """A thread with its messages and runs, oldest first.

    Messages are kept in the order in which they were added. Only the metadata of a message may change.
    """

    messages: dict[str, Record] = field(factory=dict[str, Record])
    runs: dict[str, Run] = field(factory=dict[str, "Run"])

    def say(self, role: str, content: list[JSONObject], **values: object) -> Record:
        """Add a message at the end."""
        defaults: JSONObject = {
            "status": "completed",
            "completed_at": now(),
            **dict.fromkeys(("incomplete_at", "incomplete_details", "assistant_id", "run_id")),
            "attachments": [],
            "metadata": {},
        }
        own = {"thread_id": self.id, "role": role, "content": content}
        message = Record.new("msg", "thread.message", **{**defaults, **own, **values})
        self.messages[message.id] = message
        return message

    @property
    def active(self) -> Run | None:
        """The run that works on the thread now. Nothing can be added meanwhile."""
        return next((run for run in self.runs.values() if not run.ended), None)

    def message(self, id: str) -> Record:
        """Get the message of this id. Raises the API's 404 if there is none."""
        if id not in self.messages:
            raise missing("message", id)
        return self.messages[id]

    def run(self, id: str) -> Run:
        """Get the run of this id. Raises the API's 404 if there is none."""
        if id not in self.runs:
            raise missing("run", id)
        return self.runs[id]


@define(eq=False)
class Run(Record):
    """One run. `happened` holds new events since it was last emptied: tokens written so far, event name, data."""

    thread: Thread
    model: Model
    clock: Callable[[], float]
    steps: dict[str, Record] = field(factory=dict[str, Record])
    happened: list[tuple[int, str, JSONObject]] = field(factory=list[tuple[int, str, JSONObject]])
    #: Calls and their outputs, as messages of a chat.
    _exchanged: list[JSONObject] = field(factory=list[JSONObject])
    _usage: dict[str, int] = field(factory=lambda: {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})
    _written: int = 0
    _deadline: float = 0.0

    def __attrs_post_init__(self) -> None:
        self._deadline = self.clock() + LIFETIME
        self.request()  # what no chat could answer is refused before the run begins
        self._note("thread.run.created", self)
        self._note("thread.run.queued", self)

    @property
    def status(self) -> str:
        status: str = self.values["status"]
        if status not in (*_MOVING, "requires_action") or self.clock() < self._deadline:
            return status
        self._end("expired", "expired")
        return "expired"

    @property
    def ended(self) -> bool:
        return self.status not in (*_MOVING, "requires_action")

    def described(self) -> JSONObject:
        """Get the API's object."""
        return {**self.values, "status": self.status}

    def step(self, id: str) -> Record:
        """Get the step of this id. Raises the API's 404 if there is none."""
        if id not in self.steps:
            raise ErrorResponse(404, f"No run step found with id '{id}'.")
        return self.steps[id]

    # -- what happens to it ----------------------------------------------------------------------------------

    def look(self) -> None:
        """Advance by one state, if the run can do so by itself."""
        match self.status:
            case "queued":
                self.values["started_at"] = now()
                self._reach("in_progress")
            case "in_progress":
                self._work()
            case "cancelling":
                self._end("cancelled", "cancelled")
            case _:
                pass

    def rest(self) -> None:
        """Advance until the run ends or needs its caller."""
        while self.status in _MOVING:
            self.look()

    def cancel(self) -> None:
        """Start to cancel the run. Raises the API's 400 if it is too late."""
        if self.status not in ("queued", "in_progress", "requires_action"):
            raise invalid(f"Cannot cancel run with status '{self.status}'.")
        self.values["required_action"] = None
        self._reach("cancelling")

    def submit(self, outputs: dict[str, str]) -> None:
        """Take the outputs of its calls, by call id. Raises the API's 400 unless it waits for exactly these."""
        if self.status != "requires_action":
            raise invalid(f'Runs in status "{self.status}" do not accept tool outputs.')
        step = next(step for step in reversed(self.steps.values()) if step.values["type"] == "tool_calls")
        calls: list[JSONObject] = step.values["step_details"]["tool_calls"]
        if {call["id"] for call in calls} != outputs.keys():
            listed = ", ".join(call["id"] for call in calls)
            raise invalid(f"Expected tool outputs for call_ids [{listed}], got [{', '.join(outputs)}].")
        for call in calls:
            call["function"]["output"] = outputs[call["id"]]
            self._exchanged.append({"role": "tool", "tool_call_id": call["id"], "content": outputs[call["id"]]})
        self._end_step(step, "completed")
        self.values["required_action"] = None
        self._reach("queued")

    # -- its work --------------------------------------------------------------------------------------------

    def request(self) -> ChatRequest:
        """Make the chat request of this run. Raises the API's 400 if there can be no answer."""
        values = self.values
        body: JSONObject = {name: values[name] for name in _PASSED_ON if values[name] is not None}
        if "max_completion_tokens" in body:
            body["max_completion_tokens"] = max(1, body["max_completion_tokens"] - self._usage["completion_tokens"])
        functions = [tool for tool in values["tools"] if tool["type"] == "function"]
        if functions:
            body["tools"] = functions
            choice = values["tool_choice"]
            named = is_object(choice) and choice.get("type") != "function"
            body["tool_choice"] = "auto" if self._exchanged or named else choice
        else:
            body.pop("parallel_tool_calls", None)
        if values["response_format"] != "auto":
            body["response_format"] = values["response_format"]
        said = [
            {"role": message.values["role"], "content": _text(message)} for message in self.thread.messages.values()
        ]
        instructions = {"role": "system", "content": values["instructions"]}
        return ChatRequest.read({**body, "model": values["model"], "messages": [instructions, *said, *self._exchanged]})

    def _work(self) -> None:
        try:
            request = self.request()
            seed = digest([self.model.id, request.messages])
            choice = compose(request, seed, reasoning=self.model.reasoning)[0]
        except ErrorResponse as error_response:
            self.values["last_error"] = {"code": "invalid_prompt", "message": error_response.message}
            self._end("failed", "failed")
            return
        usage = {"prompt_tokens": request.prompt_tokens, "completion_tokens": choice.tokens}
        usage["total_tokens"] = sum(usage.values())
        self._usage = {name: self._usage[name] + usage[name] for name in usage}
        if not choice.calls:
            self._say(choice, usage)
        elif choice.finish == "length":
            self._stop_short()
        else:
            self._call(choice.calls, usage)

    def _say(self, choice: Choice, usage: JSONObject) -> None:
        complete = choice.finish != "length"
        own = {"assistant_id": self.values["assistant_id"], "run_id": self.id}
        message = self.thread.say("assistant", [], status="in_progress", completed_at=None, **own)
        details = {"type": "message_creation", "message_creation": {"message_id": message.id}}
        step = self._begin_step("message_creation", details)
        self._note("thread.message.created", message)
        self._note("thread.message.in_progress", message)
        for piece in choice.pieces:
            self._written += 1
            part: JSONObject = {"index": 0, "type": "text", "text": {"value": piece, "annotations": []}}
            delta = {"id": message.id, "object": "thread.message.delta", "delta": {"content": [part]}}
            self.happened.append((self._written, "thread.message.delta", delta))
        text = "".join(choice.pieces)
        message.values["content"] = [{"type": "text", "text": {"value": text, "annotations": []}}]
        message.values["status"] = "completed" if complete else "incomplete"
        message.values["completed_at" if complete else "incomplete_at"] = now()
        message.values["incomplete_details"] = None if complete else {"reason": "max_tokens"}
        self._note(f"thread.message.{message.values['status']}", message)
        self._end_step(step, "completed", usage)
        if complete:
            self._end("completed", "completed")
        else:
            self._stop_short()

    def _call(self, tool_calls: tuple[ToolCall, ...], usage: JSONObject) -> None:
        calls: list[JSONObject] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": "".join(call.pieces)}}
            for call in tool_calls
        ]
        self._exchanged.append({"role": "assistant", "content": None, "tool_calls": calls})
        shown = [{**call, "function": {**call["function"], "output": None}} for call in calls]
        step = self._begin_step("tool_calls", {"type": "tool_calls", "tool_calls": shown})
        self._written += sum(call.tokens for call in tool_calls)
        pieces = [{"index": index, **call} for index, call in enumerate(shown)]
        change = {"step_details": {"type": "tool_calls", "tool_calls": pieces}}
        delta = {"id": step.id, "object": "thread.run.step.delta", "delta": change}
        self.happened.append((self._written, "thread.run.step.delta", delta))
        step.values["usage"] = usage
        self.values["required_action"] = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
        self._reach("requires_action")

    # -- states ----------------------------------------------------------------------------------------------

    def _reach(self, status: str) -> None:
        self.values["status"] = status
        if status in _DATED:
            self.values[_DATED[status]] = now()
        self._note(f"thread.run.{status}", self)

    def _stop_short(self) -> None:
        self.values["incomplete_details"] = {"reason": "max_completion_tokens"}
        self._end("incomplete", "cancelled")

    def _end(self, status: str, steps: str) -> None:
        """End the run, and the steps that have not ended."""
        self.values.update(status=status, required_action=None, expires_at=None, usage=dict(self._usage))
        for step in self.steps.values():
            if step.values["status"] == "in_progress":
                self._end_step(step, steps)
        self._reach(status)

    def _begin_step(self, type: str, details: JSONObject) -> Record:
        own = {name: self.values[name] for name in ("assistant_id", "thread_id")}
        unknown = dict.fromkeys(("last_error", "expired_at", "cancelled_at", "failed_at", "completed_at", "usage"))
        step = Record.new(
            "step",
            "thread.run.step",
            run_id=self.id,
            type=type,
            status="in_progress",
            step_details=details,
            metadata={},
            **own,
            **unknown,
        )
        self.steps[step.id] = step
        self._note("thread.run.step.created", step)
        self._note("thread.run.step.in_progress", step)
        return step

    def _end_step(self, step: Record, status: str, usage: JSONObject | None = None) -> None:
        step.values |= {"status": status, f"{status}_at": now(), "usage": usage or step.values["usage"]}
        self._note(f"thread.run.step.{status}", step)

    def _note(self, event: str, about: Record) -> None:
        self.happened.append((self._written, event, about.values | {}))


def _text(message: Record) -> str:
    parts: list[Any] = message.values["content"]
    return "".join(part["text"]["value"] for part in parts if part["type"] == "text")
