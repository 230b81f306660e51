"""That octets are not those of the wire, but were made again from what a format kept of them.

In: what is known of a connection, and how the sentence of a cost is found. Out: the sentence and the
line that tell it, and the JSON object; nothing for octets that are the wire's.
"""

from __future__ import annotations

from httpwire.language import N_, Translator
from httpwire.views.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from httpwire.capture.traffic import ConnectionFacts
    from httpwire.views.show.lines import Line

    #: Gives the sentence (a message id, a noun phrase) of a cost, for a format's name and the cost's id.
    Says = Callable[[str, str], str]

LABEL = N_("not the wire's")


def known(origin: str, id: str) -> str:
    """The sentence of a cost: its id, where no format here defines it."""
    from importlib import import_module

    try:
        says: Says = import_module("httpwire.capture.formats.known").says
    except ImportError:
        return id
    return says(origin, id) or id


def origin_told(facts: ConnectionFacts | None, tr: Translator, says: Says = known) -> str:
    """That octets were reconstructed, from what, and what of them; empty where they are the wire's."""
    if not facts or not facts.reconstructed:
        return ""
    what = tr(", ").join(tr(says(facts.origin, id)) for id in facts.reconstructed)
    if not facts.origin:
        return printable(tr("reconstructed: {what}", what=what))
    return printable(tr("reconstructed from {origin}: {what}", origin=facts.origin, what=what))


def origin_line(facts: ConnectionFacts | None, tr: Translator, says: Says = known) -> list[Line]:
    """The same as a labelled line, or none."""
    from httpwire.views.show.lines import label

    told = origin_told(facts, tr, says)
    return [[("warning", label(tr(LABEL), tr)), ("prose", told)]] if told else []


def origin_object(facts: ConnectionFacts | None, says: Says = known) -> dict[str, Any] | None:
    """The same for programs; None for octets that are the wire's."""
    if not facts or not facts.reconstructed:
        return None
    what = [{"id": id, "says": says(facts.origin, id)} for id in facts.reconstructed]
    return {"from": facts.origin or None, "what": what}
