"""What lint has to say for programs: JSON objects, and SARIF 2.1.0 for code hosts.

In: Complaints on the octets of a file. Out: dicts of plain values, and SARIF in pieces, in English. Offsets are in
octets; SARIF's lines and columns are counted from 1, a line ending with LF.
"""

from __future__ import annotations

from httpwire.views.lint.complaint import MEANING
from httpwire.views.origin import origin_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from httpwire.capture.raw import Outgoing
    from httpwire.views.lint.complaint import Complaint

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def complaint_object(complaint: Complaint) -> dict[str, Any]:
    """One complaint; what does not apply is null."""
    return {
        "id": complaint.id,
        "layer": complaint.layer,
        "severity": complaint.severity,
        "start": complaint.start,
        "stop": complaint.stop,
        "says": complaint.says,
        "why": list(complaint.why),
        "servers": complaint.servers or None,
        "section": complaint.section or None,
        "repair": complaint.repair or None,
    }


def sarif_log(files: Iterable[tuple[Outgoing, Iterable[Complaint]]], version: str) -> Iterator[str]:
    """The complaints of each file, in order of offset, as one run of the tool, in pieces of JSON: what is held is the
    rules. Raises RecordingUnreadable."""
    import json

    rules: dict[str, dict[str, Any]] = {}
    comma = ""
    yield json.dumps({"version": "2.1.0", "$schema": _SCHEMA})[:-1] + ', "runs": [{"results": ['
    for source, complaints in files:
        places = _Places(source)
        for complaint in complaints:
            rules.setdefault(complaint.id, _rule(complaint))
            yield comma + "\n" + json.dumps(_result(complaint, source, places))
            comma = ","
    driver = {"name": "httpwire", "version": version, "rules": list(rules.values())}
    yield "], " + json.dumps({"tool": {"driver": driver}})[1:] + "]}\n"


def _rule(complaint: Complaint) -> dict[str, Any]:
    about = complaint.why[0] if complaint.why else complaint.says
    rule: dict[str, Any] = {"id": complaint.id, "fullDescription": {"text": about}}
    if complaint.layer != MEANING and complaint.section:
        rule["help"] = {"text": complaint.section}
    return rule


def _result(complaint: Complaint, source: Outgoing, places: _Places) -> dict[str, Any]:
    line, column = places.of(complaint.start)
    text = complaint.says + (f" ({complaint.section})" if complaint.section else "")
    region = {
        "startLine": line,
        "startColumn": column,
        "byteOffset": complaint.start,
        "byteLength": complaint.stop - complaint.start,
    }
    location = {"artifactLocation": {"uri": _uri(source.name)}, "region": region}
    result: dict[str, Any] = {
        "ruleId": complaint.id,
        "level": complaint.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
    }
    if reconstructed := origin_object(source.facts):
        result["properties"] = {"reconstructed": reconstructed}
    return result


def _uri(name: str) -> str:
    from urllib.parse import quote

    return quote(name, errors="surrogateescape")


class _Places:
    """Lines and columns of offsets that are asked for in order; each octet is looked at once."""

    def __init__(self, source: Outgoing) -> None:
        self._source = source
        self._line = 1
        self._line_start = self._offset = 0

    def of(self, offset: int) -> tuple[int, int]:
        for block in self._source.blocks(self._offset, offset):
            newlines = block.count(b"\n")
            if newlines:
                self._line += newlines
                self._line_start = self._offset + block.rfind(b"\n") + 1
            self._offset += len(block)
        return self._line, offset - self._line_start + 1
