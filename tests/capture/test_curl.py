"""curl commands: what is taken over of them, what is told of the others, and what is written."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captures import Bytes
from commands import read, shell_words, written
from httpwire.capture.formats.curl import costs
from httpwire.capture.formats.curl import format as curl
from httpwire.capture.model import EventKind
from httpwire.capture.source import Source
from httpwire.capture.store.capture import Capture
from httpwire.capture.store.writing import Appender
from httpwire.capture.toll import Cost, Toll
from httpwire.capture.traffic import ConnectionFacts
from httpwire.errors import RecordingBroken, RecordingUnreadable
from httpwire.language import Translator

AGENT = b"User-Agent: curl/7.88.1\r\n"
PLAIN = AGENT + b"Accept: */*\r\n"


@pytest.mark.parametrize(
    ("first", "is_one"),
    [
        (b"curl http://a/", True),
        (b"#!/bin/sh\n# all of it\n\n  curl \\\n  http://a/", True),
        (b"\xef\xbb\xbf$ curl -s x", True),
        (b"A=b /usr/bin/curl x", True),
        (b"curl.exe ^\n", True),
        (b"base64 -d <<'END' | curl x", True),
        (b"#!/bin/bash\n# curl commands, written by httpwire\n", True),
        (b"", False),
        (b"curly x", False),
        (b"GET / HTTP/1.1\r\n\r\n", False),
        (b'{"log": "curl x"}', False),
        (b"curl", False),
        (b"# curl x", False),
    ],
)
def test_files_are_recognised_by_their_first_command(first: bytes, *, is_one: bool) -> None:
    assert curl.recognises(first) is is_one


COPIED = {
    "Chrome": (
        rb"""curl 'https://example.com/api?x=1' \
  -H 'accept: */*' \
  -b 'a=b; c=d' \
  -H 'content-type: application/json' \
  -H 'sec-ch-ua: "Chromium";v="130"' \
  -H 'user-agent: Mozilla/5.0' \
  --data-raw $'{"text":"it\'s\u0021 \u65e5\\n"}' \
  --insecure ;
curl 'https://example.com/' -X 'PATCH' --compressed""",
        [
            (
                b"POST /api?x=1 HTTP/1.1\r\nHost: example.com\r\nCookie: a=b; c=d\r\naccept: */*\r\n"
                b'content-type: application/json\r\nsec-ch-ua: "Chromium";v="130"\r\nuser-agent: Mozilla/5.0\r\n'
                b'Content-Length: 22\r\n\r\n{"text":"it\'s! \xe6\x97\xa5\\n"}'
            ),
            b"PATCH / HTTP/1.1\r\nHost: example.com\r\n" + PLAIN + b"Accept-Encoding: deflate, gzip, br, zstd\r\n\r\n",
        ],
    ),
    "Chrome for cmd": (
        (
            b'curl --url ^"https://example.com/?a=1^&b=^%^41^" ^\r\n  -H ^"sec: ^\\^"x^\\^" \\\\^" ^\r\n'
            b'  -H ^"user-agent: M^" -H ^"accept: a^" ^\r\n  --data-raw ^"one^\n\ntwo^" &\r\ncurl ^"http://b/^"\r\n'
        ),
        [
            (
                b'POST /?a=1&b=%41 HTTP/1.1\r\nHost: example.com\r\nsec: "x" \\\r\nuser-agent: M\r\naccept: a\r\n'
                b"Content-Length: 7\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\none\ntwo"
            ),
            b"GET / HTTP/1.1\r\nHost: b\r\n" + PLAIN + b"\r\n",
        ],
    ),
    "Firefox": (
        (
            b"curl 'http://localhost:8080/say' --compressed -X POST -H 'User-Agent: M' -H 'Accept: a'"
            b" -H 'Accept-Encoding: gzip, deflate, br, zstd' -H 'Connection: keep-alive' --data-raw 'a=b&c=d'"
        ),
        [
            (
                b"POST /say HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: M\r\nAccept: a\r\n"
                b"Accept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nContent-Length: 7\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n\r\na=b&c=d"
            )
        ],
    ),
    "Safari": (
        b"curl 'https://a/' \\\n-X 'PUT' \\\n-H 'Accept: a' \\\n-H 'User-Agent: S' \\\n--data-binary '{}'",
        [
            (
                b"PUT / HTTP/1.1\r\nHost: a\r\nAccept: a\r\nUser-Agent: S\r\nContent-Length: 2\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n\r\n{}"
            )
        ],
    ),
    "Postman": (
        (
            b"curl --location --request POST 'https://a/b' \\\n--header 'Content-Type: application/json' \\\n"
            b"--data '{\n  \"a\": 1\n}'"
        ),
        [
            b"POST /b HTTP/1.1\r\nHost: a\r\n" + PLAIN + b"Content-Type: application/json\r\nContent-Length: 12\r\n\r\n"
            b'{\n  "a": 1\n}'
        ],
    ),
    "Insomnia": (
        b"curl --request GET \\\n  --url 'http://a/b?c=d' \\\n  --header 'User-Agent: insomnia/10.0.0'",
        [b"GET /b?c=d HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nUser-Agent: insomnia/10.0.0\r\n\r\n"],
    ),
    "lines that end in CR LF": (
        b"curl http://a/ \\\r\n  -H 'X: y'\r\n\r\ncurl http://b/\r\n",
        [
            b"GET / HTTP/1.1\r\nHost: a\r\n" + PLAIN + b"X: y\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: b\r\n" + PLAIN + b"\r\n",
        ],
    ),
    "prompts and other commands": (
        b"$ curl http://a/ | jq .\n{}\nsudo time curl -s http://b/\n",
        [b"GET / HTTP/1.1\r\nHost: a\r\n" + PLAIN + b"\r\n", b"GET / HTTP/1.1\r\nHost: b\r\n" + PLAIN + b"\r\n"],
    ),
}


@pytest.mark.parametrize(("text", "octets"), COPIED.values(), ids=COPIED.keys())
def test_commands_that_programs_copy(text: bytes, octets: list[bytes], tmp_path: Path) -> None:
    assert read(text, tmp_path).requests == octets


def test_what_is_known_of_each(tmp_path: Path) -> None:
    taken = read(b"curl http://a:81/ 'https://u:p@[::1]/'; curl --unix-socket /run/x http://b/ -A x", tmp_path)

    first, second, third = taken.facts
    assert first == ConnectionFacts(
        0, target="http://a:81", origin="curl", reconstructed=("curl-command", "curl-user-agent")
    )
    assert (second.target, second.secure, second.name) == ("https://[::1]:443", True, "[::1]")
    assert second.reconstructed == ("curl-command", "curl-user-agent", "curl-http2")
    assert (third.server, third.target, third.reconstructed) == ("unix:/run/x", "http://b:80", ("curl-command",))
    for events in taken.events:
        kinds = [event.kind for event in events]
        assert kinds == [EventKind.SEGMENT, EventKind.SENT_ALL, EventKind.ENDED, EventKind.END]
    assert {cost.id: count for cost, count in taken.toll.reconstructed.items()} == {
        "curl-command": 3,
        "curl-user-agent": 2,
        "curl-http2": 1,
    }


def test_in_a_capture_they_are_requests_without_an_answer(tmp_path: Path) -> None:
    (tmp_path / "commands.curl").write_bytes(b"curl http://a/x -d abc -o y; curl -I http://b/")
    with Source(str(tmp_path / "commands.curl")) as source, Appender(str(tmp_path / "c.hwire")) as sink:
        curl.read(source, sink, Toll())
    with Capture(str(tmp_path / "c.hwire")) as capture:
        capture.update()
        entries = list(capture.exchanges())
        assert [(e.method, e.target, e.host, e.outcome, e.request_content) for e in entries] == [
            ("POST", "/x", "a", "no answer", 3),
            ("HEAD", "/", "b", "no answer", 0),
        ]


NOT_TAKEN = [
    (b"wget http://a/", costs.OTHER_PROGRAM),
    (b"for i in 1 2; do curl http://a/; done", costs.OTHER_PROGRAM),
    (b"curl http://a/$X", costs.SUBSTITUTION),
    (b'curl "http://a/${X}"', costs.SUBSTITUTION),
    (b"curl http://a/$(date '+)' \")\" \\) (x))", costs.SUBSTITUTION),
    (b"curl http://a/`date`", costs.SUBSTITUTION),
    (b"curl http://a/{1,2}", costs.SUBSTITUTION),
    (b"curl http://a/ -d @~/x", costs.FILES),
    (b"curl ~/x", costs.SUBSTITUTION),
    (b"curl http://a/ -d @- <<X\n$HOME\nX", costs.SUBSTITUTION),
    (b"curl http://a/ -d @<(date)", costs.SUBSTITUTION),
    (b"curl http://a/ -K <(date)", costs.SUBSTITUTION),
    (b"date | curl http://a/ -d @-", costs.INPUT),
    (b"curl http://a/ -d @-", costs.INPUT),
    (b"curl http://a/ -d @/etc/passwd", costs.FILES),
    (b"curl http://a/ -F a=@../x", costs.FILES),
    (b"curl http://a/ -T missing", costs.FILES),
    (b"curl http://a/ -H @.hidden", costs.FILES),
    (b"curl http://a/ -b cookies.txt", costs.FILES),
    (b"curl -n http://a/", costs.FILES),
    (b"curl http://a/ --digest -u a:b", costs.CHALLENGE),
    (b"curl http://a/ --anyauth -u a:b", costs.CHALLENGE),
    (b"curl http://a/ -u a", costs.PASSWORD),
    (b"curl ftp://a/", costs.PROTOCOL),
    (b"curl ftp.example.com", costs.PROTOCOL),
    (b"curl --http2-prior-knowledge http://a/", costs.PROTOCOL),
    (b"curl -K x http://a/", costs.OPTION),
    (b"curl --aws-sigv4 x http://a/", costs.OPTION),
    (b"curl --haproxy-protocol http://a/", costs.OPTION),
    (b"curl --expand-url x", costs.OPTION),
    (b"http_proxy=b curl http://a/", costs.OPTION),
    (b"curl --bogus http://a/", costs.UNKNOWN),
    (b"curl -@ http://a/", costs.UNKNOWN),
    (b"curl --url=http://a/", costs.UNKNOWN),
    (b"curl", costs.REFUSED),
    (b"curl --version", costs.REFUSED),
    (b"curl --comp http://a/", costs.REFUSED),
    (b"curl -I -d x http://a/", costs.REFUSED),
    (b"curl 'http://a b/'", costs.REFUSED),
    (b"curl http://a:99999/", costs.REFUSED),
    (b"curl 'http://a/[1-999999999]'", costs.ADDRESSED),
    (b"curl 'http://a/[1-100][1-101]'", costs.ADDRESSED),
    (b"curl 'http://a/[1-10000]' -d '%s'" % (b"x" * 100_000), costs.ADDRESSED),
    (b"curl http://a/\x00b", costs.NUL),
    (b"curl 'http://a/\x00b'", costs.NUL),
    (b"curl http://a/ %s" % (b"-s " * 20_001), costs.LONG),
    (b"curl http://a/ -d '%s'" % (b"x" * (16 << 20)), costs.LONG),
    (b"Invoke-WebRequest -Uri http://a/", costs.POWERSHELL),
    (b'curl ^"http://a/^%HOME^%/%HOME%^"', costs.SUBSTITUTION),
]


@pytest.mark.parametrize(("text", "cost"), NOT_TAKEN, ids=[f"{text[:40]!r}" for text, _ in NOT_TAKEN])
def test_what_is_not_taken_over_is_told_by_kind_and_the_rest_is_kept(text: bytes, cost: Cost, tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_bytes(b"X: y")

    taken = read(text + b"\ncurl http://kept/\n", tmp_path)

    assert taken.toll.skipped.get(cost), taken.skipped
    assert taken.facts[-1].target == "http://kept:80"


def test_files_are_read_in_the_folder_of_the_commands_and_nowhere_else(tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    outside.mkdir()
    (folder / "sub" / "body").write_bytes(b"\x00one\r\n")
    (outside / "secret").write_bytes(b"secret")
    (folder / "link").symlink_to(outside / "secret")
    (folder / "good").symlink_to(folder / "sub" / "body")
    os.mkfifo(folder / "pipe")
    names = ("sub/body", "good", "sub/../sub/body", "link", "../out/secret", str(outside / "secret"), "sub", "pipe", "")
    text = "".join(f"curl http://a/ --data-binary '@{name}'\n" for name in names).encode()

    taken = read(text, folder)

    assert [octets.partition(b"\r\n\r\n")[2] for octets in taken.requests] == [b"\x00one\r\n"] * 3
    assert taken.skipped == {"curl-file": 6}


def test_no_file_is_read_for_commands_that_come_through_a_pipe(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    (tmp_path / "body").write_bytes(b"x")
    text = b"curl http://a/ -d @body; curl http://b/ -d @%s" % os.fsencode(tmp_path / "body")
    writer = threading.Thread(target=fifo.write_bytes, args=(text,))
    writer.start()
    toll = Toll()
    with Source(str(fifo)) as source, Appender(str(tmp_path / "c.hwire")) as sink:
        curl.read(source, sink, toll)
    writer.join(10)
    assert toll.skipped == {costs.FILES: 2}


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        (b"curl http://b/ 'endless", 15),
        (b'curl http://b/ "end\\"less', 15),
        (b"curl http://b/ $'end\\'less", 15),
        (b"curl http://b/ $(end(less)", 15),
        (b"curl http://b/ `endless", 15),
        (b"curl http://b/ ${endless", 15),
        (b"curl http://b/ <<'END'\nEND of it", 15),
    ],
)
def test_text_that_ends_too_early_is_told_with_its_place(text: bytes, offset: int, tmp_path: Path) -> None:
    before = b"curl http://a/\n"

    taken = read(before + text, tmp_path, fails=True)

    assert isinstance(taken.error, RecordingBroken)
    assert taken.error.facts["offset"] == len(before) + offset
    assert taken.facts[0].target == "http://a:80"


@pytest.mark.parametrize("text", [b"", b"\n\n", b"ls -l\n", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xfe"])
def test_a_file_without_a_curl_command_is_none(text: bytes, tmp_path: Path) -> None:
    assert isinstance(read(text, tmp_path, fails=True).error, RecordingUnreadable)


HOSTILE = [
    b"curl http://a/" + b"x" * 20_000_000,
    b"curl http://a/" + b"[" * 1_000_000,
    b"curl http://a/" + b"{a" * 1_000_000,
    b"curl http://a/" + b"../" * 1_000_000,
    b"curl $(" + b"(" * 1_000_000,
    b"curl http://a/" + b";" * 1_000_000,
    b'curl "' + b'x\\"' * 1_000_000,
    b"curl http://a/ -F 'a=@x" + b";a" * 100_000 + b"'",
    b"curl http://a/ -F 'a=b;type=a/b" + b";a" * 100_000 + b"'",
    b"curl http://a/ " + b"-F 'a=(' " * 5000,
    b"curl http://a/ -d @- " + b"<<X " * 10_000,
    b"curl 'http://a/[1-10000]' " + b"-H '' " * 2_000,
    b'curl ^"http://a/^" ' + b"\\" * 1_000_000 + b"^\n",
    b"curl http://" + b"@" * 500_000,
    b"curl http://[" + b":" * 500_000 + b"]/",
    b"curl http://a:" + b"9" * 500_000,
    b"curl 'http://a/" + b"{a,b}" * 101 + b"'",
]


@pytest.mark.parametrize("text", HOSTILE, ids=[f"{text[:24]!r}" for text in HOSTILE])
def test_hostile_commands_cost_little_time(text: bytes, tmp_path: Path) -> None:
    began = time.process_time()
    read(text, tmp_path, fails=True)
    assert time.process_time() - began < 10


_FRAGMENTS = st.sampled_from(
    [
        b"curl ",
        b"http://a/",
        b" -",
        b"--",
        b"data-urlencode ",
        b"F a=",
        b"@x",
        b"'",
        b'"',
        b"$'",
        b"\\",
        b"\n",
        b"<<E\n",
        b"E\n",
        b"|",
        b"&",
        b";",
        b"$(",
        b")",
        b"`",
        b"{",
        b"}",
        b"[1-2]",
        b"#",
        b"\x00",
        b"\xff",
        b"^",
        b"\r\n",
        b"H @",
        b"-u ",
        b"x",
    ]
)


@given(text=st.lists(_FRAGMENTS | st.binary(max_size=5), max_size=40).map(b"".join))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_makes_it_fail_otherwise(text: bytes, tmp_path: Path) -> None:
    error = read(b"curl " + text, tmp_path, fails=True).error
    assert error is None or isinstance(error, (RecordingBroken, RecordingUnreadable))


def test_words_of_a_command() -> None:
    text = b"curl a'b c'\"d $e\"\\ f $'g\\nh' '' # x".replace(b"$e", b"\\$e")
    assert shell_words(text) == [b"curl", b"ab cd $e f", b"g\nh", b""]


# Writing

SCRIPT = b"""#!/bin/bash
# curl commands, written by httpwire

# 1: GET /a?b
curl 'http://example.com/a?b' \\
  -H User-Agent: \\
  -H 'Accept: text/html' \\
  -H 'X-Empty;'

# 2: PUT /../x
curl http://127.0.0.1:81/../x --path-as-is \\
  -X PUT \\
  -H Host: \\
  -H User-Agent: \\
  -H Accept: \\
  -H Content-Type: \\
  -H 'Content-Length: 11' \\
  -H 'Host: b' \\
  --data-raw $'it\\'s\\n\xe6\x97\xa5\\x21'

# 3: POST /x???
base64 -d <<'END' | curl https://example.com/ --request-target $'/x\\xff\\xe6\\x97' \\
  --http1.1 \\
  -H Accept: \\
  -H 'User-Agent: a' \\
  -H 'Content-Type: b' \\
  -H 'Content-Length: 3' \\
  --data-binary @-
AAEC
END

# 4: GET /
# curl can't send this: lines that end without CR
"""


def test_the_script_that_is_written(tmp_path: Path) -> None:
    path = str(tmp_path / "c.hwire")
    requests = [
        (b"GET /a?b HTTP/1.1\r\nHost: example.com\r\nAccept: text/html\r\nX-Empty:\r\n\r\n", "", "192.0.2.1:80", False),
        (
            b"PUT /../x HTTP/1.1\r\nContent-Length: 11\r\nHost: b\r\n\r\nit's\n\xe6\x97\xa5!".replace(b" 11", b" 9"),
            "http://127.0.0.1:81",
            "",
            False,
        ),
        (
            (
                b"POST /x\xff\xe6\x97 HTTP/1.1\r\nHost: example.com\r\nUser-Agent: a\r\nContent-Type: b\r\n"
                b"Content-Length: 3\r\n\r\n\x00\x01\x02"
            ),
            "https://example.com:443",
            "",
            True,
        ),
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", "http://a", "", False),
    ]
    from httpwire.capture.traffic import SOME_TLS, put_exchange

    with Appender(path) as sink:
        for octets, target, server, secure in requests:
            facts = ConnectionFacts(0, target=target, server=server, tls=SOME_TLS if secure else None)
            put_exchange(sink, facts, [octets], [b"HTTP/1.1 204 No Content\r\n\r\n"])
    output, toll = Bytes(), Toll()
    with Capture(path) as capture:
        capture.update()
        curl.write(capture, capture.exchanges(), output, toll)

    assert bytes(output) == SCRIPT.replace(b": 11", b": 9")
    assert {cost.id: count for cost, count in toll.lost.items()} == {
        "curl-times": 4,
        "curl-answers": 4,
        "addresses": 1,
    }
    assert {cost.id: count for cost, count in toll.skipped.items()} == {"curl-line-ends": 1}
    assert read(bytes(output), tmp_path).requests == [octets for octets, *_ in requests[:3]]


GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
NOT_SENT = [
    (GET, costs.NO_HEAD),
    (b"\x16\x03\x01\x02\x00", costs.NO_HEAD),
    (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", costs.LINE_ENDS),
    (b"GET /\r\n\r\n", costs.START_LINE),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", costs.START_LINE),
    (b"GET  / HTTP/1.1 \r\nHost: a\r\n\r\n", costs.START_LINE),
    (GET + b"no colon\r\n\r\n", costs.NO_FIELD),
    (GET + b": x\r\n\r\n", costs.NO_FIELD),
    (GET + b"a;b:\r\n\r\n", costs.NO_FIELD),
    (GET + b"X: \r\n\r\n", costs.BLANK_VALUE),
    (GET + b"@x: y\r\n\r\n", costs.FIELD_NAME),
    (GET + b"X: \x00\r\n\r\n", costs.HAS_NUL),
    (GET + b"X: " + b"y" * (128 << 10) + b"\r\n\r\n", costs.TOO_LARGE),
    (b"\r\n" + GET + b"\r\n", costs.EXTRA),
    (POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab", costs.CUT),
    (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n", costs.TRAILERS),
    (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", costs.UNDECIDABLE),
    (POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", costs.UNDECIDABLE),
]


@pytest.mark.parametrize(("octets", "cost"), NOT_SENT, ids=[f"{octets[:50]!r}" for octets, _ in NOT_SENT])
def test_what_curl_can_not_send_is_told_in_a_comment(octets: bytes, cost: Cost, tmp_path: Path) -> None:
    script, toll = written([octets], tmp_path, target="http://a:80")

    assert toll.skipped == {cost: 1}, script
    assert b"# curl can't send this: " + cost.says.partition(": ")[2].encode() in script
    assert [line for line in script.splitlines() if not line.startswith(b"#")] == [b""]
    assert read(script, tmp_path).requests == []


@pytest.mark.parametrize(
    ("facts", "host", "url"),
    [
        ({"target": "https://a.b:443"}, b"c", b"https://a.b/"),
        ({"target": "http://[::1]:81"}, b"c", b"'http://[::1]:81/' -g"),
        ({"target": "unix:/run/it's"}, b"c", b"http://c/ \\\n  --unix-socket $'/run/it\\'s'"),
        ({"target": "", "server": "unix:/run/x"}, b"c:82", b"http://c:82/ \\\n  --unix-socket /run/x"),
        ({"target": "", "server": "127.0.0.1:82"}, b"c:82", b"http://c:82/"),
        ({"target": "", "server": "127.0.0.1:82"}, b"c", b"http://127.0.0.1:82/ \\\n  -H 'Host: c'"),
        ({"target": "", "server": "[::1]:82"}, b"a b", b"'http://[::1]:82/' -g \\\n  -H 'Host: a b'"),
        ({"target": ""}, b"c", b"http://c/"),
    ],
)
def test_where_a_command_sends_to(facts: dict[str, str], host: bytes, url: bytes, tmp_path: Path) -> None:
    octets = b"GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: a\r\nAccept: b\r\n\r\n" % host

    script, _ = written([octets], tmp_path, **facts)

    assert b"curl " + url in script
    assert read(script, tmp_path).requests == [octets]


@pytest.mark.parametrize("host", [b"a b", b"$(x)"])
def test_without_an_address_there_is_no_command(host: bytes, tmp_path: Path) -> None:
    _, toll = written([b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host], tmp_path)
    assert toll.skipped == {costs.NO_SERVER: 1}


def test_content_in_other_chunks_and_tunnels_are_told(tmp_path: Path) -> None:
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\n\r\n"
    tunnel = b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"

    script, toll = written([chunked, tunnel + b"\x16\x03\x01"], tmp_path, target="http://a:80")

    assert {cost.id: count for cost, count in toll.lost.items()} == {
        "curl-times": 2,
        "curl-chunks": 1,
        "curl-tunnel": 1,
    }
    first, second = read(script, tmp_path).requests
    assert first.endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert second == tunnel


_TOKENS = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=8).map(str.encode)
_VALUES = (
    st.binary(max_size=40)
    .map(lambda value: re.sub(rb"[\x00\r\n]", b"", value))
    .filter(lambda value: not value or value.strip(b" \t\v\f") != b"")
)
_NAMES = st.sampled_from([b"Host", b"host", b"Accept", b"User-Agent", b"Content-Type", b"Expect", b"X;y"]) | _TOKENS
_TARGETS = st.binary(min_size=1, max_size=30).map(lambda target: re.sub(rb"[\x00\r\n ]", b"/", target))


@given(
    method=_TOKENS,
    target=_TARGETS,
    version=st.sampled_from([b"HTTP/1.0", b"HTTP/1.1"]),
    fields=st.lists(st.tuples(_NAMES, _VALUES), max_size=8),
    content=st.none() | st.binary(max_size=300) | st.text(max_size=100).map(str.encode),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_is_written_is_read_as_the_same(
    method: bytes,
    target: bytes,
    version: bytes,
    fields: list[tuple[bytes, bytes]],
    content: bytes | None,
    tmp_path: Path,
) -> None:
    lines = b"".join(b"%s:%s\r\n" % pair for pair in fields)
    if content is not None:
        lines += b"Content-Length: %d\r\n" % len(content)
    octets = b"%s %s %s\r\n%s\r\n%s" % (method, target, version, lines, content or b"")

    script, toll = written([octets], tmp_path, target="http://127.0.0.1:8080")

    taken = read(script, tmp_path)
    assert taken.requests == ([] if toll.skipped else [octets]), script
    assert not taken.skipped
    if not toll.skipped:
        assert taken.facts[0].target == "http://127.0.0.1:8080"


def test_large_content_goes_through_without_being_held(tmp_path: Path) -> None:
    size = 4 << 20
    octets = POST + b"Content-Length: %d\r\nExpect:\r\n\r\n" % size + os.urandom(1 << 20) * 4

    script, _ = written([octets], tmp_path, target="http://a:80")

    assert max(len(line) for line in script.splitlines()) < 100
    assert read(script, tmp_path).requests == [octets]


def test_every_cost_has_a_sentence_and_an_id_of_its_own() -> None:
    found = [value for value in vars(costs).values() if isinstance(value, Cost)]
    assert len({cost.id for cost in found}) == len(found) == len({cost.says for cost in found})
    assert all(cost.id.startswith("curl-") and " " not in cost.id for cost in found)
    assert all(Translator()(cost.says) == cost.says for cost in found)
