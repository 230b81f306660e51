"""Answers from a capture: the same choice as among answers from files, and the same octets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from captures import capture_of
from httpwire.capture.answers import Answer, Answers
from httpwire.capture.faults import Faults
from httpwire.capture.pairs import open_answers
from httpwire.capture.raw import Outgoing
from httpwire.capture.store.answers import StoredAnswers
from httpwire.capture.traffic import ConnectionFacts
from httpwire.errors import AnswerUnreadable
from httpwire.language import Translator
from httpwire.views.visits import answers_lines
from httpwire.wire.element import Direction
from httpwire.wire.head import Head
from httpwire.wire.message import Message
from httpwire.wire.stream import Stream
from loopback import ok


def asking(asked: str, host: str = "a") -> bytes:
    return f"{asked} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def head_of(octets: bytes) -> Head:
    return next(event for event in Stream(Direction.REQUEST).feed(octets) if isinstance(event, Head))


def message_of(octets: bytes) -> Message:
    return next(event for event in Stream(Direction.REQUEST).feed(octets) if isinstance(event, Message))


def octets_of(answer: Answer | None) -> bytes | None:
    return b"".join(answer.blocks()) if answer else None


_ASKED = some.builds(
    asking,
    some.sampled_from(["GET /", "GET /a", "HEAD /", "POST /", "GET http://b/", "GET http://B/a", "OPTIONS *"]),
    some.sampled_from(["a", "b", "A"]),
)


@given(recorded=some.lists(_ASKED, min_size=1, max_size=8), asked=some.lists(_ASKED, max_size=12))
@settings(max_examples=60)
def test_a_request_gets_what_it_would_get_from_files(
    tmp_path_factory: pytest.TempPathFactory, recorded: list[bytes], asked: list[bytes]
) -> None:
    pairs = [(request, ok(b"%d" % number)) for number, request in enumerate(recorded)]
    path = capture_of(tmp_path_factory.mktemp("c") / "a.hwire", pairs)
    plain = Answers([Answer(Outgoing.from_bytes(answer), request=message_of(request)) for request, answer in pairs])
    stored = StoredAnswers(str(path), times=False)
    try:
        assert stored.count == plain.count
        assert [octets_of(answer) for answer in stored.first(3)] == [octets_of(answer) for answer in plain.first(3)]
        for request in asked:
            assert octets_of(stored.choose(head_of(request))) == octets_of(plain.choose(head_of(request)))
    finally:
        stored.close()


class TestOneCapture:
    def test_what_is_appended_later_is_not_served(self, tmp_path: Path) -> None:
        path = capture_of(tmp_path / "a.hwire", [(asking("GET /"), ok(b"1"))])
        answers, _ = open_answers([str(path)])
        capture_of(path, [(asking("GET /"), ok(b"2")), (asking("GET /new"), ok(b"3"))])
        assert [octets_of(answers.choose(head_of(asking("GET /")))) for _ in range(2)] == [ok(b"1")] * 2
        assert answers.choose(head_of(asking("GET /new"))) is None
        answers.close()

    def test_times_are_those_of_the_wire(self, tmp_path: Path) -> None:
        path = capture_of(tmp_path / "a.hwire", [(asking("GET /"), ok(b"1"))])
        answers, _ = open_answers([str(path)], times=True)
        answers.use(Faults(timing=True))
        answers.require_times()
        answer = answers.choose(head_of(asking("GET /")))
        assert answer
        assert answer.times == ((0.005, len(ok(b"1"))),)
        assert answer.faults.timing
        answers.close()

    def test_names_say_which_exchange_it_was(self, tmp_path: Path) -> None:
        path = capture_of(tmp_path / "a.hwire", [(asking("GET /"), ok(b"1")), (asking("GET /b"), ok(b"2"))])
        answers, _ = open_answers([str(path)])
        assert [answer.name for answer in answers.first(5)] == [f"{path}#1.response", f"{path}#2.response"]
        answers.close()

    def test_only_the_last_ones_are_held(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("httpwire.capture.store.answers._HELD", 3000)
        content = b"x" * 1000
        path = capture_of(tmp_path / "a.hwire", [(asking(f"GET /{n}"), ok(content)) for n in range(20)])
        answers = StoredAnswers(str(path), times=False)
        for _ in range(2):
            for n in range(20):
                assert octets_of(answers.choose(head_of(asking(f"GET /{n}")))) == ok(content)
        assert len(answers._held) == 2
        answers.close()

    def test_a_large_answer_stays_in_the_file(self, tmp_path: Path) -> None:
        large = ok(b"x" * (3 << 20))
        path = capture_of(tmp_path / "a.hwire", [(asking("GET /"), large)])
        answers, _ = open_answers([str(path)])
        answer = answers.choose(head_of(asking("GET /")))
        assert answer
        assert answer.octets is None
        assert octets_of(answer) == large
        answers.close()

    def test_without_an_answer_there_is_nothing_to_serve(self, tmp_path: Path) -> None:
        path = capture_of(tmp_path / "a.hwire", [(asking("GET /"), b"")])
        with pytest.raises(AnswerUnreadable, match="no answer in this capture"):
            open_answers([str(path)])

    def test_it_is_served_by_itself(self, tmp_path: Path) -> None:
        path = capture_of(tmp_path / "a.hwire", [(asking("GET /"), ok(b"1"))])
        with pytest.raises(AnswerUnreadable, match="by itself"):
            open_answers([str(path), str(path)])

    def test_one_exchange_answers_every_request(self, tmp_path: Path) -> None:
        path = capture_of(tmp_path / "a.hwire", [(asking("GET /"), ok(b"1")), (asking("GET /b"), ok(b"2"))])
        answers, _ = open_answers([f"{path}#2"])
        assert octets_of(answers.choose(head_of(asking("POST /other")))) == ok(b"2")
        assert octets_of(answers.single) == ok(b"2")
        answers.close()

    def test_some_exchanges_answer_their_requests(self, tmp_path: Path) -> None:
        pairs = [(asking(f"GET /{n}"), ok(b"%d" % n)) for n in range(1, 6)]
        path = capture_of(tmp_path / "a.hwire", pairs)
        answers, _ = open_answers([f"{path}#2-3,5"])
        given = [octets_of(answers.choose(head_of(request))) for request, _ in pairs]
        assert given == [None, ok(b"2"), ok(b"3"), None, ok(b"5")]
        assert answers.count == 3
        answers.close()

    def test_what_was_made_again_says_so(self, tmp_path: Path) -> None:
        facts = ConnectionFacts(0, origin="har", reconstructed=("har-octets",))
        path = capture_of(tmp_path / "a.hwire", [(asking("GET /"), ok(b"1"))], facts=facts)
        answers, _ = open_answers([str(path)])
        told = dict(answers_lines(answers, [], Translator(), notes=False))
        assert "reconstructed from har" in told["not the wire's"]
        answers.close()
