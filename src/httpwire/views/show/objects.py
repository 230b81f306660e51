"""Recorded messages for programs: the JSON form of an Anatomy.

In: an Anatomy, and glosses on it. Out: a dict of plain values with stable keys. Texts are
English; octets of heads are latin-1 strings, one character an octet; content is base64.
"""

from __future__ import annotations

from httpwire.views.content import BINARY
from httpwire.views.report import findings_of, framing_of, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from httpwire.views.anatomy import Anatomy
    from httpwire.views.content import Content
    from httpwire.views.explain.gloss import Gloss


def message_object(anatomy: Anatomy, glosses: Iterable[Gloss] | None = None) -> dict[str, Any]:
    """One message (or octets that are none: "kind" is then null)."""
    part = anatomy.part
    message = part.message
    line = message.head.line if message and message.head else None
    made: dict[str, Any] = {
        "kind": part.direction.value if message else None,
        "start": part.start,
        "stop": part.stop,
        "content_start": message.content_start if message else None,
        "complete": message.complete if message else None,
        "method": text_of(line.method) if line and line.method else None,
        "target": text_of(line.target) if line and line.target else None,
        "status": line.status or None if line else None,
        "reason": text_of(line.reason) if line and line.status else None,
        "version": text_of(line.version) if line and line.version else None,
        "fields": [[text_of(field.name), text_of(field.value)] for field in message.fields] if message else [],
        "trailers": [[text_of(field.name), text_of(field.value)] for field in message.trailers] if message else [],
        "framing": framing_of(message) if message else None,
        "content": anatomy.content and _content(anatomy.content),
        "elements": [[element.kind.value, element.start, element.stop] for element in part.elements],
        "elements_whole": part.whole,
        "findings": findings_of(part.findings),
    }
    if glosses is not None:
        made["explained"] = [
            {"start": gloss.start, "stop": gloss.stop, "says": str(gloss.sentence), "section": gloss.section or None}
            for gloss in glosses
        ]
    return made


def _content(content: Content) -> dict[str, Any]:
    import base64

    return {
        "octets": content.octets,
        "codings": [{"name": step.name, "octets": step.octets} for step in content.steps],
        "media_type": content.media_type or None,
        "charset": content.charset or None,
        "charset_known": content.known_by or None,
        "kind": content.kind,
        "whole": content.whole,
        "problem": content.problem and str(content.problem),
        "text": content.text if content.kind != BINARY else None,
        "base64": base64.b64encode(content.sample).decode("ascii"),
    }
