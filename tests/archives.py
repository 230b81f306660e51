"""HAR 1.2 as its specification has it, and what tests of it share: reading into a capture and writing from one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from captures import Bytes
from httpwire.capture.formats.har import format as har
from httpwire.capture.reading import Reading
from httpwire.capture.source import Source
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.entry import Entry
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Toll
from httpwire.capture.traffic import ConnectionFacts
from httpwire.errors import HttpwireError
from httpwire.wire.element import Direction
from httpwire.wire.message import Message

_TEXT = {"type": "string"}
_SIZE = {"type": "integer", "minimum": -1}
_SPAN = {"type": "number", "minimum": 0}
_SPAN_OR_NONE = {"anyOf": [{"type": "number", "minimum": 0}, {"const": -1}]}
_MOMENT = {
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$",
}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object of these members; others begin with an underscore."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {}), "comment": _TEXT},
        "required": list(required),
        "patternProperties": {"^_": {}},
        "additionalProperties": False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_PAIRS = _list(_object({"name": _TEXT, "value": _TEXT}))
_COOKIES = _list(
    _object(
        {"name": _TEXT, "value": _TEXT},
        {
            "path": _TEXT,
            "domain": _TEXT,
            "expires": _MOMENT,
            "httpOnly": {"type": "boolean"},
            "secure": {"type": "boolean"},
        },
    )
)
_PARAM = _object({"name": _TEXT}, {"value": _TEXT, "fileName": _TEXT, "contentType": _TEXT})
_CACHE_STATE = _object({"lastAccess": _MOMENT, "eTag": _TEXT, "hitCount": {"type": "number"}}, {"expires": _MOMENT})
_REQUEST = _object(
    {
        "method": _TEXT,
        "url": {"type": "string", "pattern": r"^[a-zA-Z][a-zA-Z0-9+.-]*:"},
        "httpVersion": _TEXT,
        "cookies": _COOKIES,
        "headers": _PAIRS,
        "queryString": _PAIRS,
        "headersSize": _SIZE,
        "bodySize": _SIZE,
    },
    {"postData": _object({"mimeType": _TEXT, "params": _list(_PARAM), "text": _TEXT})},
)
_RESPONSE = _object(
    {
        "status": {"type": "integer"},
        "statusText": _TEXT,
        "httpVersion": _TEXT,
        "cookies": _COOKIES,
        "headers": _PAIRS,
        "content": _object(
            {"size": {"type": "integer", "minimum": 0}, "mimeType": _TEXT},
            {"compression": {"type": "integer"}, "text": _TEXT, "encoding": _TEXT},
        ),
        "redirectURL": _TEXT,
        "headersSize": _SIZE,
        "bodySize": _SIZE,
    }
)
_TIMINGS = _object(
    {"send": _SPAN, "wait": _SPAN, "receive": _SPAN},
    {"blocked": _SPAN_OR_NONE, "dns": _SPAN_OR_NONE, "connect": _SPAN_OR_NONE, "ssl": _SPAN_OR_NONE},
)
_ENTRY = _object(
    {
        "startedDateTime": _MOMENT,
        "time": _SPAN,
        "request": _REQUEST,
        "response": _RESPONSE,
        "cache": _object({}, {"beforeRequest": _CACHE_STATE, "afterRequest": _CACHE_STATE}),
        "timings": _TIMINGS,
    },
    {"pageref": _TEXT, "serverIPAddress": _TEXT, "connection": _TEXT},
)
_NAMED = _object({"name": _TEXT, "version": _TEXT})
_PAGE = _object(
    {
        "startedDateTime": _MOMENT,
        "id": _TEXT,
        "title": _TEXT,
        "pageTimings": _object({}, {"onContentLoad": {"type": "number"}, "onLoad": {"type": "number"}}),
    }
)
#: http://www.softwareishard.com/blog/har-12-spec/
SCHEMA = _object(
    {
        "log": _object(
            {"version": {"const": "1.2"}, "creator": _NAMED, "entries": _list(_ENTRY)},
            {
                "browser": _NAMED,
                "pages": _list(_PAGE),
            },
        )
    }
)


class Read:
    """What a HAR became: its exchanges with their messages, what it cost, and the error at its end."""

    def __init__(self, folder: Path, octets: bytes) -> None:
        (folder / "in.har").write_bytes(octets)
        self.path = folder / "read.hwire"
        self.path.unlink(missing_ok=True)
        self.toll = Toll()
        self.error: HttpwireError | None = None
        with Appender(str(self.path)) as sink, Source(str(folder / "in.har")) as source:
            try:
                har.read(source, sink, self.toll)
            except HttpwireError as error:
                self.error = error
        self.exchanges = read_capture(self.path)

    @property
    def costs(self) -> dict[str, dict[str, int]]:
        """What it cost, but for what each exchange of a HAR costs."""
        usual = ("segment-times", "connections", "har-messages")
        kinds = {"lost": self.toll.lost, "again": self.toll.reconstructed, "skipped": self.toll.skipped}
        counts = {kind: {c.id: n for c, n in told.items() if c.id not in usual} for kind, told in kinds.items()}
        return {kind: told for kind, told in counts.items() if told}


class Exchange:
    """One exchange of a capture."""

    def __init__(self, capture: Capture, entry: Entry) -> None:
        self.entry = entry
        self.facts: ConnectionFacts = capture.facts(entry.connection)
        self.milestones = [(event.kind.value, event.at_ns) for event in capture.milestones(entry.connection)]
        asked, answered = (capture.octets(entry, direction) for direction in (Direction.REQUEST, Direction.RESPONSE))
        self.sent, self.received = asked.read(0, asked.octets), answered.read(0, answered.octets)
        messages = [part.message for part in Reading(asked, Direction.REQUEST).parts() if part.message]
        assert len(messages) <= 1, self.sent
        self.request = messages[0].replace(raw=self.sent) if messages else None
        method = self.request.method if self.request else b""
        answers = [part.message for part in Reading(answered, Direction.RESPONSE, [method]).parts() if part.message]
        self.response: Message | None = answers[-1].replace(raw=self.received) if answers else None


def read_capture(path: Path) -> list[Exchange]:
    with Capture(str(path)) as capture:
        capture.update()
        return [Exchange(capture, entry) for entry in capture.exchanges()]


def written(path: Path) -> tuple[bytes, dict[str, int]]:
    """The capture as a HAR, and what was lost."""
    output, toll = Bytes(), Toll()
    with Capture(str(path)) as capture:
        capture.update()
        har.write(capture, capture.exchanges(), output, toll)
    assert not toll.reconstructed
    assert not toll.skipped
    return bytes(output), {cost.id: count for cost, count in toll.lost.items()}


def entry(
    url: object = "http://example.com/a?b=1",
    *,
    method: object = "GET",
    request: dict[str, Any] | None = None,
    response: dict[str, Any] | None = None,
    headers: Iterable[tuple[str, Any]] = (),
    content: object = None,
    **more: object,
) -> dict[str, Any]:
    """An entry as a browser writes it; `headers` and `content` are those of the response."""
    asked = {
        "method": method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "headers": [{"name": "Host", "value": "example.com"}, {"name": "Accept", "value": "*/*"}],
        "queryString": [],
        "cookies": [],
        "headersSize": -1,
        "bodySize": 0,
    }
    answer = {
        "status": 200,
        "statusText": "OK",
        "httpVersion": "HTTP/1.1",
        "headers": [{"name": name, "value": value} for name, value in headers],
        "cookies": [],
        "content": {"size": 0, "mimeType": "x-unknown"} if content is None else content,
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
    }
    return {
        "startedDateTime": "2024-05-06T07:08:09.123Z",
        "time": 6.5,
        "request": {**asked, **(request or {})},
        "response": {**answer, **(response or {})},
        "cache": {},
        "timings": {"blocked": -1, "dns": -1, "connect": -1, "send": 0.5, "wait": 4, "receive": 2, "ssl": -1},
        **more,
    }


def archive(*entries: object) -> bytes:
    """A HAR of these entries."""
    log = {"version": "1.2", "creator": {"name": "test", "version": "1"}, "pages": [], "entries": list(entries)}
    return json.dumps({"log": log}).encode()
