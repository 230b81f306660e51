"""Recorded answers: what their octets mean to each method, which files belong together, and who gets which."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

import pytest

from httpwire.capture.answers import Answer, Answers, Reading, minimal, plain
from httpwire.capture.pairs import open_answers
from httpwire.capture.raw import BLOCK, Outgoing
from httpwire.capture.times import Times, read_times
from httpwire.errors import AnswerUnreadable, RecordingUnreadable
from httpwire.wire.element import Direction
from httpwire.wire.head import Head
from httpwire.wire.message import Message
from httpwire.wire.stream import Stream
from loopback import ok

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LARGE = 3 << 20  # octets of content: more than an Answer holds in memory


def asking(asked: str, *fields: str) -> Message:
    octets = "\r\n".join((f"{asked} HTTP/1.1", *fields, "", "")).encode("latin-1")
    return next(event for event in Stream(Direction.REQUEST).feed(octets) if isinstance(event, Message))


def head(asked: str, *fields: str) -> Head:
    octets = "\r\n".join((f"{asked} HTTP/1.1", *fields, "", "")).encode("latin-1")
    return next(event for event in Stream(Direction.REQUEST).feed(octets) if isinstance(event, Head))


def read(octets: bytes, method: bytes | None = b"GET") -> Reading:
    return Answer(Outgoing.from_bytes(octets)).reading(method)


def holding(content: bytes, asked: str = "", *fields: str) -> Answer:
    """An answer with this content, recorded for the request `asked` with a Host, or for one that is not known."""
    request = asking(asked, *(fields or ("Host: a",))) if asked else None
    return Answer(Outgoing.from_bytes(ok(content)), request=request)


def given(answers: Answers, *asked: str, host: str = "a") -> list[bytes | None]:
    """The content that each request gets; None where there is no answer for it."""
    chosen = [answers.choose(head(each, f"Host: {host}")) for each in asked]
    return [answer.octets.rpartition(b"\r\n\r\n")[2] if answer and answer.octets else None for answer in chosen]


def write(folder: Path, **files: bytes) -> None:
    """Files whose names have `_dot_` where the dot is."""
    for name, octets in files.items():
        (folder / name.replace("_dot_", ".")).write_bytes(octets)


def opened(*paths: Path) -> tuple[list[tuple[str, str, bytes]], list[str]]:
    """Each answer of the files and folders as (file, request, octets), and the names of the files left out."""
    answers, left_out = open_answers([str(path) for path in paths])
    try:
        found = [
            (
                os.path.basename(answer.name),
                b" ".join((answer.request.method, answer.request.target)).decode() if answer.request else "",
                b"".join(answer.blocks()),
            )
            for answer in answers.all
        ]
    finally:
        answers.close()
    return found, [os.path.basename(path) for path, _ in left_out]


class TestReading:
    def test_one_with_a_length_lets_the_connection_go_on(self) -> None:
        reading = read(ok())
        assert reading.response
        assert (reading.response.status, reading.response.octets) == (200, 5)
        assert reading.interim_stop == 0
        assert reading.findings == ()
        assert reading.stays
        assert not reading.tunnel

    @pytest.mark.parametrize(
        ("octets", "stays"),
        [
            (ok(b"x", b"Connection: close"), False),
            (b"HTTP/1.1 200 OK\r\n\r\nuntil the close", False),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", False),
            (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", True),
            (b"HTTP/1.1 204 No Content\r\n\r\n", True),
            (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", True),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", True),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", False),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", False),
            (b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx", True),  # LF line ends are served as they are
            (ok()[:-1], False),  # the client waits for the rest, and must learn that it won't come
            (ok() + b"!", False),  # where the next answer begins nobody could tell
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", False),
            (b"HTTP/1.1 200 OK\r\nContent-Le", False),
            (b"SSH-2.0-x\r\n", False),
            (EARLY, False),
            (b"", False),
        ],
    )
    def test_whether_the_connection_stays_open_is_what_the_octets_imply(self, octets: bytes, stays: bool) -> None:  # noqa: FBT001
        assert read(octets).stays is stays

    def test_head_is_answered_without_content(self) -> None:
        octets = ok()[:-5]
        assert read(octets, b"HEAD").stays
        assert not read(octets, b"GET").stays

    def test_what_was_recorded_for_get_has_octets_too_many_for_head(self) -> None:
        reading = read(ok(), b"HEAD")
        assert not reading.stays
        assert [finding.deviation.id for finding in reading.findings] == ["bytes-after-end"]
        assert (reading.findings[0].start, reading.findings[0].stop) == (len(ok()) - 5, len(ok()))

    def test_after_connect_there_is_a_tunnel(self) -> None:
        octets = b"HTTP/1.1 200 OK\r\n\r\n"
        assert read(octets, b"CONNECT").tunnel
        assert not read(octets, b"CONNECT").stays
        assert not read(octets, b"GET").tunnel
        assert not read(b"HTTP/1.1 407 x\r\nContent-Length: 0\r\n\r\n", b"CONNECT").tunnel

    def test_so_is_after_101(self) -> None:
        reading = read(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nfirst octets")
        assert reading.tunnel
        assert reading.response
        assert reading.response.status == 101

    @pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"CONNECT", None])
    def test_interim_ones_end_where_the_final_one_begins(self, method: bytes | None) -> None:
        reading = read(CONTINUE + EARLY + ok(), method)
        assert reading.interim_stop == len(CONTINUE + EARLY)
        assert reading.response
        assert reading.response.status == 200

    def test_interim_ones_alone_are_interim_to_the_end(self) -> None:
        reading = read(CONTINUE + EARLY)
        assert reading.response is None
        assert reading.interim_stop == len(CONTINUE + EARLY)

    def test_what_deviates_is_told_with_its_place(self) -> None:
        octets = EARLY + b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello!!"
        findings = read(octets).findings
        assert {finding.deviation.id for finding in findings} == {"bare-lf", "bytes-after-end"}
        assert (findings[-1].start, findings[-1].stop) == (len(octets) - 2, len(octets))
        assert findings[-1].details == {"extra": 2}

    def test_a_second_answer_in_the_same_octets_is_after_the_end_of_the_first(self) -> None:
        reading = read(ok() + ok())
        assert [finding.deviation.id for finding in reading.findings] == ["bytes-after-end"]
        assert reading.findings[0].details == {"extra": len(ok())}

    def test_as_recorded_is_as_its_own_request_had_it(self) -> None:
        octets = ok()[:-5]
        assert Answer(Outgoing.from_bytes(octets), request=asking("HEAD /")).recorded.stays
        assert not Answer(Outgoing.from_bytes(octets), request=asking("GET /")).recorded.stays
        assert not Answer(Outgoing.from_bytes(octets)).recorded.stays

    def test_it_is_read_once_for_each_meaning(self) -> None:
        answer = holding(b"x")
        assert answer.reading(b"GET") is answer.reading(b"POST")
        assert answer.reading(b"GET") is not answer.reading(b"HEAD")


class TestLarge:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "large"
        path.write_bytes(ok(os.urandom(LARGE)))
        return path

    def test_a_small_one_is_held_in_memory(self, tmp_path: Path) -> None:
        (tmp_path / "small").write_bytes(ok())
        answer = Answer(Outgoing.from_path(str(tmp_path / "small")))
        answer.source.close()
        assert answer.octets == ok()
        assert answer.size == len(ok())
        assert answer.beginning(8) == b"HTTP/1.1"

    def test_a_large_one_is_read_from_its_file_each_time(self, file: Path) -> None:
        octets = file.read_bytes()
        answer = Answer(Outgoing.from_path(str(file)))
        try:
            assert answer.octets is None
            assert answer.size == len(octets)
            assert b"".join(answer.blocks()) == b"".join(answer.blocks()) == octets
            assert answer.beginning(8) == octets[:8]
            assert answer.beginning(BLOCK + 8) == octets[: BLOCK + 8]
        finally:
            answer.source.close()

    @pytest.mark.parametrize("offset", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, LARGE])
    def test_from_any_offset_on(self, file: Path, offset: int) -> None:
        octets = file.read_bytes()
        answer = Answer(Outgoing.from_path(str(file)))
        try:
            assert b"".join(answer.blocks(offset)) == octets[offset:]
        finally:
            answer.source.close()

    @pytest.mark.parametrize(("start", "cut"), [(0, 0), (7, 0), (0, 7), (BLOCK, BLOCK), (BLOCK - 1, 2 * BLOCK + 1)])
    def test_a_part_of_a_file_ends_where_it_ends(self, file: Path, start: int, cut: int) -> None:
        octets = file.read_bytes()
        stop = len(octets) - cut
        answer = Answer(Outgoing.from_path(str(file)), start=start, stop=stop)
        try:
            assert answer.size == stop - start
            assert b"".join(answer.blocks()) == octets[start:stop]
            assert b"".join(answer.blocks(BLOCK - 3)) == octets[start + BLOCK - 3 : stop]
        finally:
            answer.source.close()

    def test_its_content_is_read_as_the_content_of_a_small_one(self, file: Path) -> None:
        """What decides nothing is not even read, and the outcome is the same as if it was."""
        source = Outgoing.from_path(str(file))
        try:
            whole = Answer(source).reading(b"GET")
            assert whole.response
            assert (whole.response.octets, whole.stays) == (LARGE, True)
            part = Answer(source, start=0, stop=source.octets - 1).reading(b"GET")
            assert part.response
            assert (part.response.octets, part.stays) == (LARGE - 1, False)
            head = Answer(source).reading(b"HEAD")
            assert [finding.details for finding in head.findings] == [{"extra": LARGE}]
        finally:
            source.close()

    def test_one_that_became_shorter_is_not_passed_off_as_whole(self, file: Path) -> None:
        answer = Answer(Outgoing.from_path(str(file)))
        os.truncate(file, BLOCK)
        try:
            with pytest.raises(RecordingUnreadable, match="became shorter"):
                list(answer.blocks())
        finally:
            answer.source.close()


class TestChoosing:
    def test_a_single_one_answers_every_request(self) -> None:
        answers = Answers(others=[holding(b"x")])
        assert given(answers, "GET /", "POST /a", "HEAD /", "OPTIONS *", "CONNECT a:443") == [b"x"] * 5
        assert answers.single is answers.all[0]

    def test_without_any_there_is_none(self) -> None:
        assert given(Answers(), "GET /") == [None]
        assert Answers().single is None

    def test_several_for_every_request_are_given_in_order_and_the_last_one_stays(self) -> None:
        answers = Answers(others=[holding(b"1"), holding(b"2"), holding(b"3")])
        assert answers.single is None
        assert given(answers, *["GET /"] * 5) == [b"1", b"2", b"3", b"3", b"3"]

    def test_method_and_target_decide(self) -> None:
        paired = [holding(b"a", "GET /a"), holding(b"b", "GET /b"), holding(b"p", "POST /a")]
        asked = ("POST /a", "GET /b", "GET /a", "GET /", "PUT /a", "get /a", "GET /A", "GET /a?", "GET /a/")
        assert given(Answers(paired), *asked) == [b"p", b"b", b"a", *[None] * 6]

    def test_a_query_belongs_to_the_target(self) -> None:
        answers = Answers([holding(b"1", "GET /?a=1"), holding(b"2", "GET /?a=2")])
        assert given(answers, "GET /?a=2", "GET /?a=1", "GET /") == [b"2", b"1", None]

    def test_repeated_ones_are_given_in_order_each_target_by_itself(self) -> None:
        answers = Answers([holding(b"1", "GET /"), holding(b"x", "GET /x"), holding(b"2", "GET /")])
        assert given(answers, "GET /", "GET /x", "GET /", "GET /x", "GET /") == [b"1", b"x", b"2", b"x", b"2"]

    def test_what_has_no_answer_gets_one_that_was_recorded_for_no_request(self) -> None:
        answers = Answers([holding(b"a", "GET /a")], [holding(b"1"), holding(b"2")])
        assert given(answers, "GET /", "GET /a", "GET /b", "GET /c") == [b"1", b"a", b"2", b"2"]
        assert answers.single is None

    def test_head_gets_what_get_got_where_nothing_was_recorded_for_it(self) -> None:
        answers = Answers([holding(b"get", "GET /")], [holding(b"other")])
        assert given(answers, "HEAD /", "HEAD /x", "POST /") == [b"get", b"other", b"other"]

    def test_but_its_own_where_something_was(self) -> None:
        assert given(Answers([holding(b"get", "GET /"), holding(b"head", "HEAD /")]), "HEAD /", "GET /") == [
            b"head",
            b"get",
        ]

    def test_get_never_gets_what_head_got(self) -> None:
        assert given(Answers([holding(b"head", "HEAD /")]), "GET /") == [None]


class TestHost:
    def answers(self) -> Answers:
        return Answers([holding(b"a", "GET /", "Host: a.test:80"), holding(b"b", "GET /", "host: B.test")])

    @pytest.mark.parametrize(
        ("host", "content"), [("a.test:80", b"a"), ("b.test", b"b"), ("b.TEST", b"b"), ("A.test:80", b"a")]
    )
    def test_the_same_host_is_preferred(self, host: str, content: bytes) -> None:
        assert given(self.answers(), "GET /", host=host) == [content]

    @pytest.mark.parametrize("host", ["localhost:8080", "a.test", ""])
    def test_another_one_gets_the_first(self, host: str) -> None:
        assert given(self.answers(), "GET /", host=host) == [b"a"]

    def test_a_request_without_one_gets_the_first(self) -> None:
        chosen = self.answers().choose(head("GET /"))
        assert chosen
        assert chosen.octets == ok(b"a")

    def test_where_all_were_recorded_for_one_host_every_host_is_answered(self) -> None:
        """The machine that was recorded and the one that serves seldom have the same name."""
        answers = Answers([holding(b"1", "GET /", "Host: www.test"), holding(b"2", "GET /", "Host: www.test")])
        assert given(answers, "GET /", "GET /", host="127.0.0.1:8080") == [b"1", b"2"]

    def test_each_has_an_order_of_its_own(self) -> None:
        paired = [
            holding(b"a1", "GET /", "Host: a"),
            holding(b"b1", "GET /", "Host: b"),
            holding(b"a2", "GET /", "Host: a"),
            holding(b"b2", "GET /", "Host: b"),
        ]
        answers = Answers(paired)
        assert given(answers, "GET /", "GET /", host="b") == [b"b1", b"b2"]
        assert given(answers, "GET /", "GET /", host="a") == [b"a1", b"a2"]


class TestTargetForms:
    @pytest.mark.parametrize(
        ("recorded", "asked"),
        [
            ("http://a.test/x?y", "/x?y"),
            ("/x?y", "http://a.test/x?y"),
            ("http://a.test/x", "https://b.test:8443/x"),
            ("http://a.test", "/"),
            ("/", "HTTP://a.test"),
            ("http://a.test/x//y", "/x//y"),
            ("*", "*"),
            ("a.test:443", "a.test:443"),
        ],
    )
    def test_with_a_scheme_and_authority_it_is_the_same_target(self, recorded: str, asked: str) -> None:
        assert given(Answers([holding(b"x", f"GET {recorded}")]), f"GET {asked}") == [b"x"]

    @pytest.mark.parametrize(
        ("recorded", "asked"),
        [("http://a.test?x=/y", "/?x=/y"), ("/?x", "http://a.test?x"), ("http://a.test?x", "http://b.test/?x")],
    )
    def test_an_empty_path_is_a_slash_and_the_query_stays(self, recorded: str, asked: str) -> None:
        """RFC 9110 4.2.3, RFC 9112 3.2.1."""
        assert given(Answers([holding(b"x", f"GET {recorded}")]), f"GET {asked}") == [b"x"]

    @pytest.mark.parametrize(("recorded", "asked"), [("/y", "http://a.test?x=/y"), ("/", "http://a.test?x")])
    def test_and_is_no_part_of_the_path(self, recorded: str, asked: str) -> None:
        assert given(Answers([holding(b"x", f"GET {recorded}")]), f"GET {asked}") == [None]

    def test_options_of_a_whole_server_through_a_proxy(self) -> None:
        """RFC 9112 3.2.4: the last proxy makes `*` of a target without a path."""
        assert given(Answers([holding(b"x", "OPTIONS *")]), "OPTIONS http://a.test") == [b"x"]

    def test_the_authority_in_the_target_counts_more_than_host(self) -> None:
        """RFC 9112 3.2.2: a server that is given the absolute form ignores Host."""
        answers = Answers([holding(b"a", "GET /", "Host: a"), holding(b"b", "GET /", "Host: b")])
        assert given(answers, "GET http://b/", host="a") == [b"b"]


class TestFiles:
    def test_a_single_file_answers_every_request(self, tmp_path: Path) -> None:
        write(tmp_path, x=ok())
        answers, left_out = open_answers([str(tmp_path / "x")])
        answers.close()
        assert left_out == []
        assert answers.single
        assert given(answers, "GET /", "POST /y") == [b"hello"] * 2

    def test_one_whose_request_lies_beside_it_does_so_too_and_the_request_is_known(self, tmp_path: Path) -> None:
        write(tmp_path, client_send_dot_txt=b"HEAD /a HTTP/1.1\r\n\r\n", client_recv_dot_txt=ok()[:-5])
        answers, _ = open_answers([str(tmp_path / "client_recv.txt")])
        answers.close()
        assert answers.single
        assert answers.single.recorded.stays, "it is read as the answer to HEAD that it is"
        assert answers.choose(head("POST /b")) is answers.single

    def test_a_single_file_with_several_answers_is_one_answer(self, tmp_path: Path) -> None:
        both = b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"
        write(tmp_path, x_dot_http=both, x_dot_response=ok(b"1") + ok(b"2"))
        assert opened(tmp_path / "x.response") == ([("x.response", "GET /1", ok(b"1") + ok(b"2"))], [])

    @pytest.mark.parametrize(
        ("answer", "request_"),
        [
            ("client_recv.txt", "client_send.txt"),
            ("a_recv", "a_send"),
            ("0001-GET.response", "0001-GET.http"),
            ("a.b_recv.dat", "a.b_send.dat"),
        ],
    )
    def test_pairs_are_known_by_their_names(self, tmp_path: Path, answer: str, request_: str) -> None:
        (tmp_path / answer).write_bytes(ok())
        (tmp_path / request_).write_bytes(b"GET /x HTTP/1.1\r\n\r\n")
        assert opened(tmp_path) == ([(answer, "GET /x", ok())], [])

    @pytest.mark.parametrize(
        ("answer", "request_"),
        [
            ("client_recv.txt", "client_send.dat"),
            ("client_recv.txt", "client.txt"),
            ("a.response", "a_send.response"),
            ("server_recv.txt", "server_send.txt"),  # what a server receives is the request
        ],
    )
    def test_other_names_are_no_pair(self, tmp_path: Path, answer: str, request_: str) -> None:
        (tmp_path / answer).write_bytes(ok())
        (tmp_path / request_).write_bytes(b"GET /x HTTP/1.1\r\n\r\n")
        with pytest.raises(AnswerUnreadable, match="no answer in it"):
            open_answers([str(tmp_path)])

    def test_a_folder_is_taken_in_the_order_of_its_names(self, tmp_path: Path) -> None:
        for number in (3, 1, 2):
            (tmp_path / f"000{number}-GET.http").write_bytes(b"GET / HTTP/1.1\r\n\r\n")
            (tmp_path / f"000{number}-GET.response").write_bytes(ok(b"%d" % number))
        answers, _ = open_answers([str(tmp_path)])
        answers.close()
        assert given(answers, *["GET /"] * 4) == [b"1", b"2", b"3", b"3"]

    def test_an_answer_without_its_request_is_left_out_of_a_folder_and_named(self, tmp_path: Path) -> None:
        write(tmp_path, a_dot_http=b"GET /a HTTP/1.1\r\n\r\n", a_dot_response=ok(b"a"), b_dot_response=ok(b"b"))
        write(tmp_path, c_dot_txt=ok(b"c"), README_dot_md=b"# Read me", index_dot_jsonl=b"{}\n", d_dot_times=b"")
        write(tmp_path, a_dot_response_dot_partial=ok()[:-1], e_dot_http_dot_tunnel=b"HTTP/1.1 200 OK\r\n\r\n")
        (tmp_path / "HTTP").mkdir()
        found, left_out = opened(tmp_path)
        assert found == [("a.response", "GET /a", ok(b"a"))]
        assert left_out == ["b.response", "c.txt"]

    def test_files_and_folders_together(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        write(tmp_path / "folder", a_dot_http=b"GET /a HTTP/1.1\r\n\r\n", a_dot_response=ok(b"a"))
        write(tmp_path, b_recv_dot_txt=ok(b"b"), b_send_dot_txt=b"GET /b HTTP/1.1\r\n\r\n", c=ok(b"c"), d=ok(b"d"))
        names = ("c", "folder", "d", "b_recv.txt")
        answers, _ = open_answers([str(tmp_path / name) for name in names])
        answers.close()
        asked = ("GET /a", "GET /b", "GET /x", "GET /y", "GET /z")
        assert given(answers, *asked) == [b"a", b"b", b"c", b"d", b"d"]

    def test_a_link_to_a_folder_is_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        write(tmp_path / "folder", a_dot_http=b"GET /a HTTP/1.1\r\n\r\n", a_dot_response=ok(b"a"))
        (tmp_path / "link").symlink_to(tmp_path / "folder")
        assert opened(tmp_path / "link")[0] == [("a.response", "GET /a", ok(b"a"))]

    def test_one_beside_which_no_request_lies_is_left_out(self, tmp_path: Path) -> None:
        """For every request that has no other it would be an invention."""
        write(tmp_path, a_dot_http=b"\x16\x03\x01", a_dot_response=ok(b"a"))
        write(tmp_path, b_dot_http=b"GET /b HTTP/1.1\r\n\r\n", b_dot_response=ok(b"b"))
        assert opened(tmp_path) == ([("b.response", "GET /b", ok(b"b"))], ["a.response"])

    def test_of_what_is_left_out_the_reason_is_told(self, tmp_path: Path) -> None:
        write(tmp_path, a_dot_http=b"\x16\x03\x01", a_dot_response=ok(), b_dot_response=ok())
        write(tmp_path, c_dot_http=b"GET /c HTTP/1.1\r\n\r\nGET d HTTP/1.1\r\n\r\n", c_dot_response=ok())
        answers, left_out = open_answers([str(tmp_path)])
        answers.close()
        assert [(os.path.basename(path)[:6], why) for path, why in sorted(left_out)] == [
            ("a.resp", "what lies beside it is no request"),
            ("b.resp", "its request is not beside it"),
            ("c.http", "it has no answer"),
        ]

    @pytest.mark.parametrize(
        ("name", "why"),
        [("missing", "No such file"), ("empty", "nothing to serve"), ("folder", "no answer in it"), ("", "No such")],
    )
    def test_what_can_not_be_served_is_told(self, tmp_path: Path, name: str, why: str) -> None:
        (tmp_path / "folder").mkdir()
        write(tmp_path, empty=b"")
        with pytest.raises(AnswerUnreadable, match=why) as caught:
            open_answers([str(tmp_path / name) if name else ""])
        assert caught.value.facts["path"] == (str(tmp_path / name) if name else "")

    def test_a_folder_with_an_empty_answer_is_told_and_nothing_stays_open(self, tmp_path: Path) -> None:
        for name, octets in (("a", ok()), ("b", b"")):
            (tmp_path / f"{name}.http").write_bytes(b"GET / HTTP/1.1\r\n\r\n")
            (tmp_path / f"{name}.response").write_bytes(octets)
        before = descriptors()
        with pytest.raises(AnswerUnreadable, match=r"b\.response: it is empty"):
            open_answers([str(tmp_path)])
        assert descriptors() == before

    def test_a_name_with_a_nul_is_told_like_any_other(self) -> None:
        with pytest.raises(AnswerUnreadable):
            open_answers(["a\0b"])


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"))  # noqa: PTH208


class TestSeveralInOneFile:
    def divided(self, tmp_path: Path, requests: bytes, octets: bytes) -> list[tuple[str, bytes]]:
        write(tmp_path, a_dot_http=requests, a_dot_response=octets)
        return [(asked, part) for _, asked, part in opened(tmp_path)[0]]

    def requests(self, *asked: str) -> bytes:
        return b"".join(f"{each} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for each in asked)

    def test_each_answer_goes_to_its_own_request(self, tmp_path: Path) -> None:
        octets = EARLY + ok(b"1") + ok(b"2") + CONTINUE + ok(b"3")
        assert self.divided(tmp_path, self.requests("GET /1", "GET /2", "GET /3"), octets) == [
            ("GET /1", EARLY + ok(b"1")),
            ("GET /2", ok(b"2")),
            ("GET /3", CONTINUE + ok(b"3")),
        ]

    def test_an_answer_to_head_ends_with_its_head(self, tmp_path: Path) -> None:
        octets = ok()[:-5] + ok()
        divided = self.divided(tmp_path, self.requests("HEAD /", "GET /"), octets)
        assert divided == [("HEAD /", ok()[:-5]), ("GET /", ok())]

    def test_what_follows_the_last_answer_belongs_to_it(self, tmp_path: Path) -> None:
        divided = self.divided(tmp_path, self.requests("GET /1", "GET /2"), ok(b"1") + ok(b"2") + b"extra")
        assert divided == [("GET /1", ok(b"1")), ("GET /2", ok(b"2") + b"extra")]

    def test_the_last_one_may_be_cut_short(self, tmp_path: Path) -> None:
        divided = self.divided(tmp_path, self.requests("GET /1", "GET /2"), ok(b"1") + ok(b"2")[:-1])
        assert divided == [("GET /1", ok(b"1")), ("GET /2", ok(b"2")[:-1])]

    def test_requests_that_were_not_answered_have_no_answer(self, tmp_path: Path) -> None:
        write(tmp_path, a_dot_http=self.requests("GET /1", "GET /2"), a_dot_response=ok(b"1", b"Connection: close"))
        answers, _ = open_answers([str(tmp_path)])
        answers.close()
        assert given(answers, "GET /1", "GET /2") == [b"1", None]

    @pytest.mark.parametrize("octets", [CONTINUE, EARLY, b"\r\n"])
    def test_octets_that_hold_no_final_answer_are_not_lost(self, tmp_path: Path, octets: bytes) -> None:
        """Served to the first request, or told as what can't be served; but never passed over."""
        write(tmp_path, a_dot_http=self.requests("GET /1", "GET /2"), a_dot_response=octets)
        try:
            found, _ = opened(tmp_path)
        except AnswerUnreadable:
            return
        assert b"".join(part for _, _, part in found) == octets

    def test_large_ones_are_served_from_their_place_in_the_file(self, tmp_path: Path) -> None:
        parts = [ok(os.urandom(LARGE)), ok(os.urandom(LARGE + 1))]
        divided = self.divided(tmp_path, self.requests("GET /1", "GET /2"), b"".join(parts))
        assert [part for _, part in divided] == parts

    def test_each_keeps_its_times(self, tmp_path: Path) -> None:
        octets = ok(b"1") + ok(b"2")
        write(tmp_path, a_dot_http=self.requests("GET /1", "GET /2"), a_dot_response=octets)
        (tmp_path / "a.response.times").write_text(
            f'{{"at": 0.5, "stop": {len(ok(b"1"))}}}\n{{"at": 2.0, "stop": {len(octets)}}}\n'
        )
        answers, _ = open_answers([str(tmp_path)], times=True)
        answers.close()
        assert [answer.times for answer in answers.all] == [((0.5, len(ok(b"1"))),), ((1.5, len(ok(b"2"))),)]


class TestTimes:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "client_recv.txt"
        path.write_bytes(ok())
        return path

    def damaged(self, path: Path, text: str) -> None:
        path.with_name(path.name + ".times").write_text(text)
        with pytest.raises(AnswerUnreadable, match=r"client_recv\.txt\.times: it does not hold the times of an answer"):
            read_times(str(path))

    def test_what_was_written_is_read(self, path: Path) -> None:
        times = Times(str(path))
        for at_ns, stop in ((0, 17), (1_500_000_000, 40), (1_500_000_001, 43)):
            times.write(at_ns, stop)
        times.finish(complete=True)
        assert read_times(str(path)) == ((0.0, 17), (1.5, 40), (1.500000001, 43))

    def test_a_moment_before_the_request_was_out_is_its_moment(self, path: Path) -> None:
        times = Times(str(path))
        times.write(-5, 1)
        times.finish(complete=True)
        assert read_times(str(path)) == ((0.0, 1),)

    def test_an_answer_has_them(self, path: Path) -> None:
        path.with_name(path.name + ".times").write_text('{"at": 0.25, "stop": 43}\n')
        for times, expected in ((True, ((0.25, 43),)), (False, ())):
            answers, _ = open_answers([str(path)], times=times)
            answers.close()
            assert answers.all[0].times == expected

    def test_who_does_not_ask_for_them_is_not_told_that_they_are_damaged(self, path: Path) -> None:
        path.with_name(path.name + ".times").write_text("x")
        before = descriptors()
        open_answers([str(path)], times=False)[0].close()
        with pytest.raises(AnswerUnreadable):
            open_answers([str(path)], times=True)
        assert descriptors() == before

    def test_without_a_file_there_are_none(self, path: Path) -> None:
        assert read_times(str(path)) == ()

    def test_an_empty_file_tells_of_no_segment(self, path: Path) -> None:
        path.with_name(path.name + ".times").write_text("")
        assert read_times(str(path)) == ()

    @pytest.mark.parametrize(
        "text",
        [
            "x",
            "\n",
            "[]\n",
            "null\n",
            '"at"\n',
            '{"at": 1.0}\n',
            '{"stop": 1}\n',
            '{"at": null, "stop": 1}\n',
            '{"at": "x", "stop": 1}\n',
            '{"at": -1.0, "stop": 1}\n',
            '{"at": 1.0, "stop": -1}\n',
            '{"at": 2.0, "stop": 1}\n{"at": 1.0, "stop": 2}\n',
            '{"at": 1.0, "stop": 1}\n{"at": 2.0, "st',
            '{"at": 1.0, "stop": "é"}\n',
        ],
    )
    def test_a_damaged_file_is_told(self, path: Path, text: str) -> None:
        self.damaged(path, text)

    @pytest.mark.parametrize("at", ["NaN", "Infinity", "1e999", "1" + "0" * 400])
    def test_a_moment_that_never_comes_is_damage(self, path: Path, at: str) -> None:
        """No clock reaches it, and no select() can wait for it."""
        self.damaged(path, f'{{"at": {at}, "stop": 1}}\n')

    @pytest.mark.parametrize("stop", ["Infinity", "NaN", "1.5", "1e999"])
    def test_so_is_an_offset_that_is_none(self, path: Path, stop: str) -> None:
        self.damaged(path, f'{{"at": 1.0, "stop": {stop}}}\n')

    def test_so_are_offsets_that_go_back(self, path: Path) -> None:
        self.damaged(path, '{"at": 1.0, "stop": 20}\n{"at": 2.0, "stop": 10}\n')

    def test_so_is_what_nests_without_end(self, path: Path) -> None:
        self.damaged(path, "[" * 100_000)


class TestOfOurOwn:
    @pytest.mark.parametrize("status", [200, 204, 205, 299, 304, 404, 503, 599])
    def test_a_minimal_answer_is_whole_and_clean(self, status: int) -> None:
        """RFC 9110 15, RFC 9112 6.3: the client reads it to its end, and the connection goes on."""
        octets = minimal(status)
        stream = Stream(Direction.RESPONSE, methods=deque((b"GET", b"GET")))
        message = next(event for event in stream.feed(octets) if isinstance(event, Message))
        assert (message.status, message.complete, message.octets, message.findings) == (status, True, 0, ())
        assert message.stop == len(octets)
        assert read(octets).stays
        assert read(octets, b"HEAD").stays

    @pytest.mark.parametrize("status", [204, 304])
    def test_no_length_where_there_is_never_content(self, status: int) -> None:
        assert b"Content-Length" not in minimal(status)

    @pytest.mark.parametrize("status", [-1, 0, 99, 100, 101, 199, 600, 1000])
    def test_what_is_no_final_status_is_refused(self, status: int) -> None:
        with pytest.raises(ValueError, match=str(status)):
            minimal(status)

    @pytest.mark.parametrize("text", ["no\n", "答えはありません\n", ""])
    def test_a_plain_answer_says_its_text_and_closes(self, text: str) -> None:
        octets = plain(404, text)
        reading = read(octets)
        assert reading.response
        assert reading.response.complete
        assert (reading.response.status, reading.response.reason, reading.findings) == (404, b"Not Found", ())
        assert reading.response.values(b"content-type") == [b"text/plain; charset=utf-8"]
        assert octets.endswith(b"\r\n\r\n" + text.encode())
        assert not reading.stays

    def test_to_head_it_is_the_same_without_content(self) -> None:
        assert plain(404, "no\n", head=True) == plain(404, "no\n")[:-3]
        assert read(plain(404, "no\n", head=True), b"HEAD").findings == ()
