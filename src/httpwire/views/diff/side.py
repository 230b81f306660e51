"""One side of a comparison: a message of the old or the new file, with its octets.

In: a Part and the file it is of. Out: a Side, which says where the head and the content are, also of what is no
message.
"""

from __future__ import annotations

from httpwire.wire.element import Span
from httpwire.wire.framing import Kind
from httpwire.wire.message import Message
from httpwire.wire.record import Record, at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.capture.raw import Outgoing
    from httpwire.capture.reading import Part
    from httpwire.wire.head import Head


class Side(Record):
    """A message of one of the files: the Part that holds it, and the octets."""

    __slots__ = ()
    FIELDS = ("part", "message", "source")
    part: Part = at(0)
    message: Message = at(1)
    source: Outgoing = at(2)

    def __new__(cls, part: Part, message: Message, source: Outgoing) -> Side:
        return tuple.__new__(cls, (part, message, source))

    @property
    def head(self) -> Head | None:
        """The head, where its first line can be read."""
        head = self.message.head
        return head if head and (head.line.version or head.line.method) else None

    @property
    def region(self) -> Span:
        """Where the content is on the wire, with its chunk lines and trailers; without a head all is content."""
        if not self.head:
            return Span(self.part.start, self.part.stop)
        return Span(self.message.content_start, self.message.stop)

    @property
    def chunked(self) -> bool:
        framing = self.message.framing
        return bool(self.head and framing and framing.kind is Kind.CHUNKED)

    @property
    def undelimited(self) -> bool:
        """Whether nothing says where the content ends and what it is."""
        framing = self.message.framing
        return not self.head or framing is None or framing.kind in (Kind.TUNNEL, Kind.UNDECIDABLE)

    @property
    def has_content(self) -> bool:
        return bool(self.region.octets if self.undelimited else self.message.octets)


def side_of(part: Part, source: Outgoing) -> Side:
    """`part` as a side, also where it is no message."""
    return Side(part, part.message or Message(part.direction, part.start, part.start, part.stop), source)
