"""curl and bash as the judges: commands are read as what they send, and written so that they send what was recorded."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from commands import read, shell_words, written
from conftest import Server
from httpwire.errors import RecordingBroken
from peers.site import Certificates

pytestmark = [pytest.mark.peer("curl"), pytest.mark.peer("bash")]

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_BOUNDARY = re.compile(rb"boundary=(-{24}[0-9A-Za-z]{16,22})")
_AGENT = re.compile(rb"User-Agent: curl/[0-9.]+")
_ACCEPTED = re.compile(rb"Accept-Encoding: deflate, gzip[a-z, ]*\r")
_SETTINGS = re.compile(rb"HTTP2-Settings: [A-Za-z0-9_-]+")


@dataclass
class Recorder:
    """What each connection sent."""

    port: int
    folder: Path
    received: list[bytearray] = field(default_factory=list)

    @property
    def sent(self) -> list[bytes]:
        return [bytes(octets) for octets in self.received]

    def run(self, text: bytes) -> None:
        """Let bash run `text`."""
        self.received.clear()
        script = self.folder / "script"
        script.write_bytes(text)
        environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        subprocess.run(
            ["bash", script],
            cwd=self.folder,
            env={**environ, "LC_ALL": "C.UTF-8", "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
        )


def taking(log: list[bytearray]) -> Callable[[socket.socket], None]:
    """A server that keeps what comes and answers it; it reads no more of HTTP than that takes."""

    def script(connection: socket.socket) -> None:
        octets = bytearray()
        log.append(octets)
        while True:
            start = len(octets)
            while b"\r\n\r\n" not in octets[start:]:
                octets += _some(connection)
            end = octets.index(b"\r\n\r\n", start) + 4
            head = bytes(octets[start:end])
            if head.startswith(b"CONNECT") and b"Proxy-Connection" in head:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                continue
            if re.search(rb"(?i)\r\nexpect: *100-continue", head):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            chunked = re.search(rb"(?i)\r\ntransfer-encoding:[^\r]*chunked", head)
            length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
            while not octets.endswith(b"0\r\n\r\n") if chunked else len(octets) - end < int(length[1] if length else 0):
                octets += _some(connection)
            connection.sendall(_OK)
            return

    return script


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 20)
    if not data:
        raise ConnectionError
    return data


@pytest.fixture
def recorder(serve: Callable[..., Server], tmp_path: Path) -> Recorder:
    made = Recorder(0, tmp_path)
    made.port = serve(taking(made.received)).port
    return made


def comparable(octets: bytes) -> bytes:
    """`octets` without what is told to be uncertain: version, boundary, codings."""
    for number, boundary in enumerate(_BOUNDARY.findall(octets)):
        octets = octets.replace(boundary, b"BOUNDARY-%d-%s" % (number, b"x" * 16))
    octets = re.sub(rb"Content-Length: [0-9]+(?=\r\n.*BOUNDARY)", b"Content-Length: N", octets, flags=re.DOTALL)
    octets = _AGENT.sub(b"User-Agent: curl/VERSION", octets)
    return _SETTINGS.sub(b"HTTP2-Settings: x", _ACCEPTED.sub(b"Accept-Encoding: those\r", octets))


FILES = {
    "body.json": b'{"a": 1,\r\n "b": "x"}\n',
    "pic.png": b"\x89PNG\x00\r\n\x1a",
    "n.txt": b"text\n",
    "page.html": b"<p>",
    "noext": b"q",
    "empty": b"",
    "h.txt": b"X-A: 1\r\nX-B: 2\n\nAccept:\n",
    "large": bytes(range(256)) * 280,
    "huge": b"x" * ((1 << 20) + 1),
}

COMMANDS = r"""
curl http://HOST/
curl -s HOST
curl -s http://HOST?a=b
curl -s 'http://HOST/?'
curl -s 'http://HOST/a/../b/./c/..?x=../y#frag'
curl -s --path-as-is 'http://HOST/a/../b'
curl -s 'http://HOST/%7Ea%2fb?q=%2F%zz'
curl -s 'http://HOST/日本?q=日本'
curl -s -g 'http://HOST/a[1]{b}'
curl -s 'http://HOST/[1-3]'
curl -s 'http://HOST/{a,b}/[01-10:4]/[a-c]'
curl -s 'http://HOST/\{a\}'
curl -s http://user:p%20w@HOST/
curl -s http://user@HOST/
curl -s -u u:p http://x:y@HOST/
curl -s -u u: http://HOST/
curl -s --oauth2-bearer tok http://HOST/
curl -s -u u:p --oauth2-bearer tok http://HOST/
curl -s -H 'X-A: b' -H 'Accept: text/html' -H 'User-Agent:' http://HOST/
curl -s -H 'Host: example.com' http://HOST/
curl -s -H 'host:   example.com' http://HOST/
curl -s -H 'Host:' http://HOST/
curl -s -H 'Host;' http://HOST/
curl -s -H 'X-E;' -H 'X-G:' -H 'X-H: ' -H 'nocolon' -H ';' -H ': x' -H 'X:a' -H 'Y : b' http://HOST/
curl -s -H 'Host:' -H 'Accept: a' -H 'Host: b' -H 'host: c' http://HOST/
curl -s -H $'X: a\r\n b' -H $'Y: a\r\nZ: b' http://HOST/
curl -s -H @h.txt http://HOST/
curl -s -A 'me/1' -e http://ref/ -b 'a=b; c=d' -b e=f http://HOST/
curl -s -A '' -e 'http://r;auto' http://HOST/
curl -s -e '' -b '' http://HOST/
curl -s -H 'Cookie: x=y' -b a=b -H 'Referer: r' -e z http://HOST/
curl -s -X DELETE http://HOST/x
curl -s -I http://HOST/x
curl -s -I -X FOO http://HOST/x
curl -s -d a=b -d c=d http://HOST/
curl -s -d '' http://HOST/
curl -s -d @body.json http://HOST/
curl -s --data-binary @body.json http://HOST/
curl -s --data-raw @body.json http://HOST/
curl -s --data-ascii x -d y http://HOST/
curl -s --json '{"a":1}' --json '{"b":2}' http://HOST/
curl -s --json @body.json -H 'content-type: a/b' http://HOST/
curl -s --data-urlencode 'a b&c' --data-urlencode '=x=y z' --data-urlencode 'n=v é/~' http://HOST/
curl -s --data-urlencode @n.txt --data-urlencode 'f@n.txt' http://HOST/
curl -s -G -d a=b -d 'c=d e' http://HOST/
curl -s -G -d a=b -d 'c=d%2Fe' http://HOST/
curl -s -G --data-urlencode 'a=b c/d' 'http://HOST/p?q=1'
curl -s -G -d a=b 'http://HOST/p?q=1&#f'
curl -s -G -I -d a=b 'http://HOST/p'
curl -s --url-query 'a=b c' --url-query '+x%2Fy' 'http://HOST/p'
curl -s --url-query 'a=b c' -d z=1 'http://HOST/p?x'
curl -s -X PUT -d a http://HOST/
curl -s -X GET -d a http://HOST/
curl -s -I -d a http://HOST/
curl -s -H 'Content-Type:' -H 'Expect:' -d a http://HOST/
curl -s -H 'Content-Length: 1' -d abc http://HOST/
curl -s -H 'Content-Length:' -d abc http://HOST/
curl -s -H 'Transfer-Encoding: chunked' -d abc http://HOST/
curl -s -H 'Transfer-Encoding: chunked' -d '' http://HOST/
curl -s --data-binary @huge http://HOST/
curl -s -H 'Expect: 100-continue' -d a http://HOST/
curl -s -0 --data-binary @huge http://HOST/
curl -s -F a=b -F 'c=d;type=text/x' http://HOST/
curl -s -F 'f=@pic.png' -F 't=@n.txt' -F 'x=@noext' -F 'h=@page.html' http://HOST/
curl -s -F 'f=@pic.png;filename=a"b.gif;type=image/x; q=1' http://HOST/
curl -s -F 'f=<n.txt' -F 'p=<page.html' -F 'g=<page.html;type=text/plain' http://HOST/
curl -s -F 'f=@n.txt,pic.png' http://HOST/
curl -s -F 'f=v;headers=X-A: b;headers="X-B: c;d"' http://HOST/
curl -s -F 'f="a;b\"c"; type=text/html ; filename=q' http://HOST/
curl -s --form-string 'a=@b;type=c' -F '=noname' -F 'e=' http://HOST/
curl -s -F 'm=(;type=multipart/alternative' -F '=x;type=text/plain' -F '=<page.html' -F '=)' -F z=1 http://HOST/
curl -s -F a=b -H 'Content-Type: multipart/mixed' http://HOST/
curl -s -F a=b -H 'Content-Type: multipart/form-data; x=y' -X PUT http://HOST/
curl -s -F a=b -I http://HOST/
curl -s -F 'a"b=c' -F $'n\nm=v' http://HOST/
curl -s -F 'f=v;headers=Content-Type: x/y;headers=Content-Disposition: inline' http://HOST/
curl -s -T n.txt http://HOST/
curl -s -T n.txt http://HOST/dir/name
curl -s -T empty http://HOST/dir/
curl -s -T 'n.txt' -X POST -H 'Expect:' http://HOST/d/
curl -s -T body.json -T n.txt http://HOST/1 http://HOST/2
curl -s -T - http://HOST/up <<< abc
echo '{"a": 1}' | curl -s -d @- http://HOST/up
echo -n 'a b' | curl -s --data-binary @- http://HOST/up
printf '%s' 'a b' | curl -s --data-binary @- http://HOST/up
curl -s --data-binary @- http://HOST/up < body.json
curl -s --compressed http://HOST/
curl -s --compressed -H 'Accept-Encoding: x' http://HOST/
curl -s --tr-encoding http://HOST/
curl -s --tr-encoding -H 'Connection: close' http://HOST/
curl -s --tr-encoding --compressed -H 'TE: x' http://HOST/
curl -s -0 http://HOST/
curl -s --http1.0 -d a http://HOST/
curl -s --http2 http://HOST/
curl -s --http2 -d a --http1.1 http://HOST/
curl -s -r 0-99 http://HOST/
curl -s -r 5 http://HOST/
curl -s -r 0-5 -d a http://HOST/
curl -s -C 100 http://HOST/
curl -s -z 'Tue, 15 Nov 1994 12:45:26 GMT' http://HOST/
curl -s -z '-20200102' http://HOST/
curl -s -z '20200102 03:04:05' http://HOST/
curl -s -z '2020-01-02' http://HOST/
curl -s --request-target '*' -X OPTIONS http://HOST/
curl -s --request-target 'http://other/x y' http://HOST/
curl -s http://HOST/1 http://HOST/2 --url http://HOST/3
curl -s http://HOST/1 -d a --next -s http://HOST/2 -H 'X: y'
curl -sSLd x http://HOST/
curl -sSfXPATCH http://HOST/
curl -s --no-location --no-compressed --compressed http://HOST/
curl -s -x http://HOST http://example.com/a?b
curl -s -x HOST http://u:p@example.com:8080/a#f
curl -s -x http://pu:pp@HOST http://example.com/ -H 'X: y' --proxy-header 'P: q'
curl -s -x HOST -U a:b --noproxy nothing http://example.com/a/../é?é
curl -s -x HOST -H 'Proxy-Connection:' http://example.com/
curl -s -p -x HOST http://example.com/a -H 'X: y'
curl -s -p -x HOST -U a:b --proxy-header 'P: q' --proxy-header 'User-Agent: z' http://example.com:81/a
curl -s --proxy1.0 HOST -p http://example.com/a -A b
curl -s --resolve example.com:PORT:127.0.0.1 http://example.com:PORT/
curl -s --connect-to example.com:80:HOST http://EXAMPLE.com/
curl -s --connect-to ::HOST http://例え.jp/x
curl -s --connect-to ::HOST 'http://[::1]/x'
curl -s --connect-to ::HOST 'http://[FE80:0:0:0:0:0:0:1%25eth0]:81/x'
curl -s --connect-to ::HOST http://1/ http://0x7f.1/ http://0177.0.0.1/ http://1.2.3.4.5/ http://08/
curl -s --connect-to ::HOST http://a.b:080/ http://a.b: http:/a.b/ http:///a.b/
curl -s --connect-to ::HOST http:////a.b/
curl -s 'http://HOST/a b'
curl -s $'http://HOST/a\tb'
curl -s $'http://HOST/a\'b"c\\d|e^f`g<h>'
curl -s "http://HOST/a\"b" -H "X: \$y"
curl -s 'http://HOST/;p;q=,!@$*()'
curl --proto-default http -s HOST/x
curl -s 'http://HOST/[1-0]'
curl -s 'http://HOST/{a'
curl -s 'http://HOST/{a,}x'
curl -s 'http://HOST/{}x'
curl -s 'http://HOST/[]x'
curl -s --bogus http://HOST/
curl -s --no-request x http://HOST/
curl -s -H
curl -s http://HOST/?a=*x&
curl -s -L -k -i -v -o /dev/null -w '%{http_code}' -m 5 --retry 0 -c /dev/null http://HOST/
curl -s --disallow-username-in-url http://a@HOST/
curl -s http://HOST/ | cat
curl -s http://HOST/ > /dev/null 2>&1
curl -s http://HOST/ # comment
A=b curl -s http://HOST/ ; curl -s http://HOST/2 && curl -s http://HOST/3
curl -s -H $'X: \u00e9\xff' -d $'a\0b' http://HOST/
curl -s "http://HOST"'/x'\ y"/z"
curl -s -d a=b\&c=d http://HOST/
""".strip().splitlines()

DOCUMENTS = [
    "curl -s -d @- http://HOST/up <<'EOF'\nline 1 $x `y`\n line 2\nEOF\n",
    'curl -s --data-binary @- http://HOST/up <<EOF\nplain \\n "q"\nEOF\n',
    "curl -s --data-binary @- http://HOST/up <<-'EOF'\n\tone\n\t\ttwo\n\tEOF\ncurl http://HOST/2",
    "base64 -d <<'END' | curl -s --data-binary @- http://HOST/\nAAEC\nAw==\nEND\n",
    "curl -s http://HOST/ \\\n  -H 'A: b' \\\n  --data-raw $'a\\u0021\\x41\\101\\n\\'\\cA\\e'\n",
    "curl -s 'http://HOST/a' |\n  cat\ncurl http://HOST/b",
]


@pytest.mark.parametrize("command", [*COMMANDS, *DOCUMENTS])
def test_what_is_read_is_what_curl_sends(command: str, recorder: Recorder) -> None:
    for name, octets in FILES.items():
        (recorder.folder / name).write_bytes(octets)
    text = command.replace("HOST", f"127.0.0.1:{recorder.port}").replace("PORT", str(recorder.port)).encode()

    recorder.run(text)
    taken = read(text, recorder.folder)

    sent = [comparable(octets) for octets in recorder.sent]
    if " -p " in command:  # the tunnel's request and what goes through it are connections of their own
        assert [comparable(b"".join(taken.requests))] == sent
    else:
        assert [comparable(octets) for octets in taken.requests] == sent
    assert bool(sent) or taken.toll.skipped, "a command that sends nothing is told"


def test_chunks_of_large_content_join_to_the_same(recorder: Recorder) -> None:
    (recorder.folder / "large").write_bytes(FILES["large"])
    text = b"curl -H 'Transfer-Encoding: chunked' --data-binary @large http://127.0.0.1:%d/" % recorder.port

    recorder.run(text)
    taken = read(text, recorder.folder)

    sizes = re.compile(rb"(?:\A|\r\n)[0-9a-f]+\r\n")
    contents = [octets.partition(b"\r\n\r\n") for octets in (*recorder.sent, *taken.requests)]
    assert comparable(contents[0][0]) == comparable(contents[1][0])
    assert sizes.sub(b"", contents[0][2]) == sizes.sub(b"", contents[1][2])
    assert "curl-chunks" in taken.reconstructed[0]


@pytest.fixture
def tls_recorder(serve: Callable[..., Server], certificates: Certificates, tmp_path: Path) -> Recorder:
    """A recorder behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server)
    made = Recorder(0, tmp_path)
    take = taking(made.received)

    def script(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            take(wrapped)

    made.port = serve(script).port
    return made


def test_the_same_through_tls(tls_recorder: Recorder, certificates: Certificates) -> None:
    """A command that is read, written again, and run."""
    trusted = b"--cacert %s" % os.fsencode(certificates.authority)
    text = b"curl %s https://localhost:%d/x -d a=b -A me\n" % (trusted, tls_recorder.port)

    tls_recorder.run(text)
    taken = read(text, tls_recorder.folder)

    assert taken.requests == tls_recorder.sent
    [facts] = taken.facts
    assert (facts.target, facts.name, facts.secure) == (f"https://localhost:{tls_recorder.port}", "localhost", True)
    script, _ = written(taken.requests, tls_recorder.folder, target=facts.target, tls=facts.tls)
    tls_recorder.run(script.replace(b"\ncurl ", b"\ncurl %s " % trusted))
    assert tls_recorder.sent == taken.requests


GET = b"GET / HTTP/1.1\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
HOSTILE = b'it\'s $HOME `id` $(id) \\ "q" !x %s ;|&<> # ~ * \x01\x7f\xff\xe6\x97\xa5'
REQUESTS = [
    GET + b"Host: 127.0.0.1:PORT\r\nUser-Agent: a\r\nAccept: */*\r\n\r\n",
    GET + b"Host: x\r\n\r\n",
    GET + b"\r\n",
    GET + b"Accept: a\r\nHost: b\r\n\r\n",
    GET + b"host: b\r\n\r\n",
    GET + b"Host: a\r\nHost: b\r\n\r\n",
    GET + b"Host:\r\n\r\n",
    GET + b"Host:a\r\nX:\r\nY:  z  \r\nZ : q\r\n\r\n",
    GET + b"Host: a\r\nUser-Agent : x\r\nX-Big: " + b"y" * 100_000 + b"\r\n\r\n",
    GET + b"Host: a\r\nX: " + HOSTILE + b"\r\n\r\n",
    GET + b"Host: a\r\nCookie: a=b\r\nReferer: x\r\nAuthorization: z\r\nRange: bytes=0-1\r\nTE: x\r\n\r\n",
    GET + b"Host: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\nUpgrade: x\r\n\r\n",
    GET + b"Host: a\r\nX: a\r\n b\r\n\tc\r\n\r\n",
    GET + b"Host: a\r\na;b: c\r\nContent-Type;: x\r\n\r\n",
    b"GET /a/../b?x=[1]{a}#f HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % HOSTILE.replace(b" ", b""),
    b"GET http://x/y HTTP/1.0\r\nHost: a\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET //a//b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /x? HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"P!X /-x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    POST + b"Content-Length: 3\r\n\r\nabc",
    POST + b"Content-Length: 0\r\n\r\n",
    POST + b"Content-Type: x/y\r\nContent-Length: 4\r\n\r\n\0\1\2\3",
    POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + b"Expect: 100-continue\r\nContent-Length: 5\r\nContent-Type: t\r\n\r\n@fi\n'",
    POST + b"Content-Length: 1200000\r\n\r\n" + b"ab\0" * 400_000,
    POST + b"Content-Length: 60000\r\nContent-Type: q\r\n\r\n" + "日本語".encode() * 6666 + b"123456",
    POST + b"Content-Length: %d\r\n\r\n" % len(HOSTILE) + HOSTILE,
    b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nHost: a\r\nX: y\r\n\r\nz",
    b"POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    "GET /日本 HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=range(len(REQUESTS)))
def test_what_is_written_makes_curl_send_the_same(request_: bytes, recorder: Recorder) -> None:
    octets = request_.replace(b"PORT", b"%d" % recorder.port)
    script, toll = written([octets], recorder.folder, target=f"http://127.0.0.1:{recorder.port}")

    recorder.run(script)

    assert recorder.sent == [octets], script[:2000]
    assert not toll.skipped
    assert not [cost for cost in toll.lost if cost.id == "curl-chunks"]
    assert read(script, recorder.folder).requests == [octets]


_NAMES = st.sampled_from(
    [b"Host", b"host", b"Accept", b"accept", b"User-Agent", b"X-A", b"Cookie", b"Referer", b"TE", b"!#"]
)
_VALUES = (
    st.binary(max_size=30)
    .map(lambda value: re.sub(rb"[\x00\r\n]", b"", value))
    .filter(lambda value: not value or value.strip(b" \t\v\f") != b"")
)
_FIELDS = st.lists(st.tuples(_NAMES, _VALUES), max_size=6)
_TARGETS = st.binary(max_size=20).map(lambda part: b"/" + re.sub(rb"[\x00\r\n ]", b"", part))


@given(fields=_FIELDS, target=_TARGETS, content=st.none() | st.binary(max_size=200))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_request_written_makes_curl_send_the_same(
    fields: list[tuple[bytes, bytes]], target: bytes, content: bytes | None, recorder: Recorder
) -> None:
    lines = [b"%s:%s\r\n" % pair for pair in fields]
    if content is not None:
        lines.append(b"Content-Length: %d\r\n" % len(content))
    octets = b"POST %s HTTP/1.1\r\n%s\r\n%s" % (target, b"".join(lines), content or b"")
    script, toll = written([octets], recorder.folder, target=f"http://127.0.0.1:{recorder.port}")

    recorder.run(script)

    if toll.skipped:
        assert recorder.sent == []
    else:
        assert recorder.sent == [octets], script


_PIECES = [
    *(
        b"'a b'",
        b'"c \\" \\$ \\x"',
        b"$'\\x41\\n\\u00e9\\101\\cA\\e\\''",
        b"$'\\0q'",
        b"$'\\xg\\u\\c?\\?\\q'",
        b"$'\\U1F600\\377'",
    ),
    *(b"\\ ", b"\\\n", b"\\'", b'\\"', b"\\\\", b"''", b'""', b'"$"', b"'$'", b'"\'"', b'"\\\n"', b"'\n'", b'$"t"'),
    *(b"d", b"=", b"#e", b"%", b"!", b":", b",", b"@/.", b"^", b"]", b"}", b"\t", b" ", b"\xff", "日".encode(), b"$ "),
]


@given(text=st.lists(st.sampled_from(_PIECES), min_size=1, max_size=12).map(b"".join))
@example(text=b'\t#e"\\\n"')
@settings(max_examples=200)
def test_words_are_those_of_bash(text: bytes) -> None:
    done = subprocess.run(
        ["bash", "--norc", "-c", b"printf '%s\\0' x" + text],
        env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
        capture_output=True,
        timeout=20,
        check=False,
    )
    if done.returncode:  # a comment took the first of two quotes away
        assert b"unexpected EOF" in done.stderr
        with pytest.raises(RecordingBroken):
            shell_words(b"printf '' x" + text)
        return

    _, _, *words = shell_words(b"printf '' x" + text)

    assert words == done.stdout.split(b"\x00")[:-1]
