"""That octets are not those of the wire, but were made again from what a format kept of them; or that some are missing.

In: octets of a capture, or what is known of a connection, and how the sentence of a cost is found. Out: sentences and
lines that tell it, and JSON objects; nothing for octets that are the wire's, all of them.
"""

from __future__ import annotations

from httpwire.language import N_, Translator
from httpwire.views.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from httpwire.capture.raw import Outgoing
    from httpwire.capture.traffic import ConnectionFacts
    from httpwire.views.show.lines import Line

    #: Gives the sentence (a message id, a noun phrase) of a cost, for a format's name and the cost's id.
    Says = Callable[[str, str], str]

LABEL = N_("not the wire's")
MISSING = N_("not captured")
_GAPS = 10  # that are told, before the rest is only counted


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
    what = tr("; ").join(tr(says(facts.origin, id)) for id in facts.reconstructed)
    if not facts.origin:
        return printable(tr("reconstructed: {what}", what=what))
    return printable(tr("reconstructed from {origin}: {what}", origin=facts.origin, what=what))


def gaps_told(source: Outgoing, tr: Translator) -> Iterator[str]:
    """Where octets are missing that were not captured."""
    for offset, count in source.gaps[:_GAPS]:
        place = f"{offset:,}"
        if count:
            yield tr.plural("{n} byte before offset {offset}", "{n} bytes before offset {offset}", count, offset=place)
        else:
            yield tr("an unknown number of bytes before offset {offset}", offset=place)
    if len(source.gaps) > _GAPS:
        yield tr.plural("and {n} more gap", "and {n} more gaps", len(source.gaps) - _GAPS)


def origin_lines(source: Outgoing, tr: Translator) -> Iterator[Line]:
    """Both as labelled lines."""
    from httpwire.views.show.lines import label

    told = [(LABEL, origin_told(source.facts, tr)), *((MISSING, gap) for gap in gaps_told(source, tr))]
    for name, text in told:
        if text:
            yield [("warning", label(tr(name), tr)), ("prose", text)]


def origin_object(facts: ConnectionFacts | None, says: Says = known) -> dict[str, Any] | None:
    """The same for programs; None for octets that are the wire's."""
    if not facts or not facts.reconstructed:
        return None
    what = [{"id": id, "says": says(facts.origin, id)} for id in facts.reconstructed]
    return {"from": facts.origin or None, "what": what}


def gaps_object(source: Outgoing) -> list[dict[str, int | None]]:
    """The gaps for programs."""
    return [{"offset": offset, "octets": count or None} for offset, count in source.gaps]
