"""What installed parsers say, as lines and as plain values.

In: the Opinions on the octets of a file. Out: Lines, one a parser, and dicts.
"""

from __future__ import annotations

from httpwire.language import Translator
from httpwire.views.lint.parsers import Opinion, Verdict
from httpwire.views.report import text_of
from httpwire.views.show.lines import label
from httpwire.views.text import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from httpwire.views.lint.asking import Seen
    from httpwire.views.show.lines import Line

_SHOWN = 4  # messages
_STYLES = {Verdict.ACCEPTS: "good", Verdict.REJECTS: "error", Verdict.DIFFERS: "error", Verdict.WAITS: "warning"}


def opinion_lines(opinions: list[Opinion], tr: Translator) -> Iterator[Line]:
    """Each parser's verdict, its own words, and what it saw where that is another reading."""
    for opinion in opinions:
        name = " ".join(part for part in (opinion.parser, opinion.version) if part)
        said = tr(opinion.verdict.says)
        if opinion.words:
            said = tr("{does}: {words}", does=said, words=opinion.words)
        elif opinion.verdict is Verdict.DIFFERS:
            more = ", ..." if len(opinion.messages) > _SHOWN else ""
            seen = ", ".join(_seen(each, tr) for each in opinion.messages[:_SHOWN]) + more
            said = tr("{does}: {words}", does=said, words=seen or tr("no message"))
        yield [("label", label(tr("parser"), tr)), (_STYLES.get(opinion.verdict, ""), f"{name} "), ("prose", said)]
    left_out = max((opinion.left_out for opinion in opinions), default=0)
    if left_out:
        told = tr.plural("they were not given {n} more byte", "they were not given {n} more bytes", left_out)
        yield [("", label("", tr)), ("prose", told)]


def opinion_object(opinion: Opinion) -> dict[str, Any]:
    """One opinion."""
    return {
        "parser": opinion.parser,
        "version": opinion.version or None,
        "verdict": opinion.verdict.id,
        "words": opinion.words or None,
        "messages": [
            {
                "method": text_of(seen.method) or None,
                "target": text_of(seen.target) or None,
                "status": seen.status or None,
                "content_octets": seen.octets,
                "complete": seen.complete,
            }
            for seen in opinion.messages
        ],
        "unread": opinion.unread,
        "octets_left_out": opinion.left_out,
    }


def _seen(seen: Seen, tr: Translator) -> str:
    what = str(seen.status) if seen.status else visible(b" ".join((seen.method, seen.target)), 40)
    if seen.octets is None:
        return what
    return tr("{what} with {n} bytes of content", what=what, n=f"{seen.octets:,}")
