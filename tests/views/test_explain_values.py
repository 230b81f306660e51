"""What is said of values: exactly, for those that one meets; and something of each that common programs send."""

from __future__ import annotations

from importlib.resources import files

import pytest
from explained import ANSWERED, ASKED, NOW, said

from httpwire.language import Translator
from httpwire.views.explain.fields import EXPLAINERS, PURPOSES, explain_value, purpose
from httpwire.views.explain.gloss import Setting
from httpwire.wire.element import Direction

_CHROME = (files("httpwire") / "samples" / "chrome-get.http").read_bytes()

_FIREFOX = b"""GET / HTTP/1.1\r
Host: example.com\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0\r
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r
Accept-Language: ja,en-US;q=0.7,en;q=0.3\r
Accept-Encoding: gzip, deflate, br, zstd\r
DNT: 1\r
Sec-GPC: 1\r
Connection: keep-alive\r
Cookie: sessionid=38afes7a8; theme=dark\r
Upgrade-Insecure-Requests: 1\r
Sec-Fetch-Dest: document\r
Sec-Fetch-Mode: navigate\r
Sec-Fetch-Site: cross-site\r
Sec-Fetch-User: ?1\r
If-Modified-Since: Fri, 27 Nov 2026 01:47:11 GMT\r
If-None-Match: "2d-661396425945b"\r
Priority: u=0, i\r
Pragma: no-cache\r
Cache-Control: no-cache\r
\r
"""

_CURL = b"""POST /form HTTP/1.1\r
Host: example.com:8080\r
User-Agent: curl/8.14.1\r
Accept: */*\r
Content-Length: 7\r
Content-Type: application/x-www-form-urlencoded\r
Expect: 100-continue\r
\r
"""

_APACHE = b"""HTTP/1.1 200 OK\r
Date: Fri, 27 Nov 2026 02:47:11 GMT\r
Server: Apache/2.4.71 (Debian)\r
Last-Modified: Fri, 27 Nov 2026 01:47:11 GMT\r
ETag: "2d-661396425945b"\r
Accept-Ranges: bytes\r
Content-Length: 45\r
Vary: Accept-Encoding\r
Keep-Alive: timeout=5, max=100\r
Connection: Keep-Alive\r
Content-Type: text/html\r
Content-Encoding: gzip\r
\r
"""

_NGINX = b"""HTTP/1.1 206 Partial Content\r
Server: nginx/1.22.1\r
Date: Fri, 27 Nov 2026 02:47:11 GMT\r
Content-Type: text/html; charset=utf-8\r
Content-Length: 10\r
Last-Modified: Fri, 27 Nov 2026 01:47:11 GMT\r
Connection: keep-alive\r
ETag: "6b08f475-1d"\r
Content-Range: bytes 0-9/29\r
Transfer-Encoding: chunked\r
Location: http://example.com/there\r
\r
"""

_CHANGED = "2026-11-27 03:09:41 UTC, 22 minutes 30 seconds from now"

# Sentences of last resort: no field of these programs should need one.
_VAGUE = ("not a value of the specification", "a remark", "the product", "could be read", "not registered")


@pytest.mark.parametrize(
    ("head", "direction"),
    [
        pytest.param(_CHROME, Direction.REQUEST, id="chrome"),
        pytest.param(_FIREFOX, Direction.REQUEST, id="firefox"),
        pytest.param(_CURL, Direction.REQUEST, id="curl"),
        pytest.param(_APACHE, Direction.RESPONSE, id="apache"),
        pytest.param(_NGINX, Direction.RESPONSE, id="nginx"),
    ],
)
def test_each_field_of_a_common_program_is_explained(head: bytes, direction: Direction) -> None:
    english = Translator()
    lines = head.split(b"\r\n")[1:-2]
    assert len(lines) >= 6
    for line in lines:
        name, _, value = line.partition(b": ")
        assert name.lower() in PURPOSES
        assert purpose(name)[1], f"{name!r} has a standard"
        glosses = explain_value(name, value, Setting(direction, NOW))
        assert glosses, line
        for gloss in glosses:
            sentence = english.told(gloss.sentence)
            assert gloss.section
            assert gloss.start < gloss.stop
            assert not any(vague in sentence for vague in _VAGUE), (line, sentence)
        # What no gloss covers separates: nothing with a meaning is left out.
        covered = bytearray(value)
        for gloss in glosses:
            covered[gloss.start : gloss.stop] = b" " * (gloss.stop - gloss.start)
        assert bytes(covered).translate(None, b" ,;=:/()") in (b"", b"bytes"), line


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (
            "Accept: text/html;q=0.9, image/*, foo/bar;q=0, text/html;q=0.2;level=1",
            [
                ("text/html;q=0.9", "an HTML page: nearly as welcome (q=0.9)"),
                ("image/*", "any image: most welcome"),
                ("foo/bar;q=0", "the type foo/bar: not acceptable (q=0)"),
                ("text/html;q=0.2;level=1", "an HTML page (level=1): only for want of anything better (q=0.2)"),
            ],
        ),
        (
            "Accept: application/signed-exchange;v=b3;q=0.7",
            [
                (
                    "application/signed-exchange;v=b3;q=0.7",
                    "a page packed and signed by its publisher (signed exchange) (v=b3): less welcome (q=0.7)",
                )
            ],
        ),
        (
            "Accept: a/b;q=2",
            [("a/b;q=2", "the type a/b; the weight 2 is no number from 0 to 1 with three decimals at most")],
        ),
        ("Accept-Encoding: br;q=1.0", [("br;q=1.0", "compressed with Brotli: most welcome (q=1)")]),
        ("Accept-Encoding: *;q=0", [("*;q=0", "any other coding: not acceptable (q=0)")]),
        (
            "Accept-Language: pt-BR, zh-Hans-CN;q=0.5, tlh",
            [
                ("pt-BR", "Portuguese (Brazil): most welcome"),
                ("zh-Hans-CN;q=0.5", "Chinese (simplified script, mainland China): less welcome (q=0.5)"),
                ("tlh", "the language tlh: most welcome"),
            ],
        ),
        (
            "Accept-Language: de, de",
            [("de", "German"), ("de", "German; it was listed before")],  # no weights, nothing to rank
        ),
        ("Accept: */*", [("*/*", "anything at all")]),
        ("TE: trailers", [("trailers", "the client takes fields after the content (trailers)")]),
        ("Connection: close", [("close", "the connection is closed after this exchange")]),
        ("Connection: X-Hop", [("X-Hop", "X-Hop is for this connection only")]),
        (
            "Keep-Alive: timeout=90, max=1",
            [
                ("timeout=90", "a connection without requests stays open for 1 minute 30 seconds"),
                ("max=1", "1 more request may follow on it"),
            ],
        ),
        (
            "Content-Type: text/html; charset=Shift_JIS",
            [("text/html", "an HTML page"), ("charset=Shift_JIS", "written in Shift_JIS, for Japanese")],
        ),
        (
            'Content-Type: multipart/form-data; boundary="a b"',
            [
                ("multipart/form-data", "a form's data in several parts, as for uploads"),
                ('boundary="a b"', "the line that separates the parts: --a b"),
            ],
        ),
        (
            "Content-Type: application/vnd.x+json",
            [("application/vnd.x+json", "the type application/vnd.x+json, which is written as JSON")],
        ),
        ("Content-Length: 1", [("1", "1 byte of content")]),
        ("Content-Length: 5000000", [("5000000", "5,000,000 bytes of content, about 4.8 MiB")]),
        ("Content-Length: +5", [("+5", "+5 is not a number that could be read")]),
        (
            "Transfer-Encoding: gzip, chunked",
            [
                ("gzip", "compressed with gzip for the way"),
                (
                    "chunked",
                    "in chunks, each with its size before it, so that the length need not be known in advance",
                ),
            ],
        ),
        ("Content-Range: bytes 0-9/29", [("bytes 0-9/29", "10 bytes, number 0 to 9, of 29 bytes")]),
        ("Content-Range: bytes */29", [("bytes */29", "no part could be sent; the whole has 29 bytes")]),
        (
            "Range: bytes=0-0,5-,-1,7-2",
            [
                ("0-0", "1 byte, number 0 to 0, counted from 0"),
                ("5-", "all but the first 5 bytes"),
                ("-1", "the last 1 byte"),
                ("7-2", "7-2 ends before it begins; servers ignore it"),
            ],
        ),
        (
            'ETag: "2d-661396425945b"',
            [
                (
                    '"2d-661396425945b"',
                    "if this is Apache's: the file has 45 bytes and was last changed " + _CHANGED,
                )
            ],
        ),
        (
            'ETag: "6b08f475-1d"',
            [
                (
                    '"6b08f475-1d"',
                    f"if this is nginx's: the file was last changed {_CHANGED} and has 29 bytes",
                )
            ],
        ),
        (
            'ETag: W/"x"',
            [
                ("W/", "weak: contents with this tag mean the same, and need not have the same bytes"),
                ('"x"', "the name of the version; only the server knows how it is made"),
            ],
        ),
        ("If-None-Match: *", [("*", "any version at all")]),
        (
            "ETag: abc",
            [("abc", "this is not an entity tag: a text in quotes, perhaps with W/ before it")],
        ),
        ("Age: 3600", [("3600", "a cache got it from the server, or had it confirmed there, 1 hour ago")]),
        ("Retry-After: 120", [("120", "ask again after 2 minutes")]),
        ("Expires: 0", [("0", "not a date, which means: stale already")]),
        (
            "Host: example.com",
            [("example.com", "the host example.com; without a port, the usual one is meant: 80, or 443 with https")],
        ),
        ("Host: [::1]:8080", [("[::1]", "the IPv6 address [::1]"), ("8080", "port 8080")]),
        ("Host: x:80", [("x", "the host x"), ("80", "port 80, which is the usual one for http")]),
        (
            "Server: Apache/2.4.71 (Debian) OpenSSL/3.0.13",
            [
                ("Apache/2.4.71", "the web server Apache, version 2.4.71"),
                ("Debian", "the operating system"),
                ("OpenSSL/3.0.13", "OpenSSL, version 3.0.13, as a part of the server"),
            ],
        ),
        (
            "User-Agent: Nope/1 (no end",
            [("Nope/1", "the product Nope, version 1"), ("(no end", "a comment that lacks its closing parenthesis")],
        ),
        (
            'Sec-CH-UA: "Not;A=Brand";v="8", "Google Chrome";v="156"',
            [
                ('"Not;A=Brand";v="8"', "a brand that does not exist, there so that sites read lists with any names"),
                ('"Google Chrome";v="156"', "the browser Google Chrome, version 156"),
            ],
        ),
        ("Sec-CH-UA-Mobile: ?1", [("?1", "yes: pages for phones are welcome")]),
        ("Sec-Fetch-Dest: moon", [("moon", "moon: not a value of the specification; recipients ignore it")]),
        (
            "Priority: u=9, i=?0",
            [
                ("u=9", "u=9: not a value of the specification; recipients ignore it"),
                ("i=?0", "of use only when it is complete"),
            ],
        ),
        (
            "Cookie: __Host-id=a=b; x; y=1; y=2",
            [
                (
                    "__Host-id=a=b",
                    (
                        "the cookie __Host-id, whose value has 3 bytes "
                        "(__Host-: only this very host could have set it, over https)"
                    ),
                ),
                ("x", "a cookie without a name"),
                ("y=1", "the cookie y, whose value has 1 byte"),
                (
                    "y=2",
                    (
                        "the cookie y, whose value has 1 byte; "
                        "one of this name was listed before, of another path or domain"
                    ),
                ),
            ],
        ),
        (
            (
                "Set-Cookie: a=b; Expires=Fri, 27 Nov 2026 03:47:11 GMT; Max-Age=60; Domain=.x.org; Path=/p; "
                "Secure; SameSite=None; z"
            ),
            [
                ("a=b", "the cookie a, whose value has 1 byte"),
                ("Expires=Fri, 27 Nov 2026 03:47:11 GMT", "kept until 2026-11-27 03:47:11 UTC, 1 hour from now"),
                ("Max-Age=60", "kept for 1 minute"),
                ("Domain=.x.org", "sent to x.org and all hosts under it"),
                ("Path=/p", "sent for paths that begin with /p"),
                ("Secure", "sent over https only"),
                ("SameSite=None", "sent also when another site causes the request; it has to be Secure then"),
                ("z", "z: not a value of the specification; recipients ignore it"),
            ],
        ),
        (
            "Location: /a%20b?x=%E6%97%A5+1&y",
            [
                ("/a%20b", "the path, decoded: /a b"),
                ("x=%E6%97%A5+1", "the parameter x with the value 日 1"),
                ("y", "the query y, without a value"),
            ],
        ),
        (
            'WWW-Authenticate: Basic realm="a, b", Negotiate',
            [
                ("Basic", "Basic: name and password, readable by anyone who sees them"),
                ('realm="a, b"', "the name of the area that the login is for: a, b"),
                ("Negotiate", "Negotiate: the login of the network (Kerberos or NTLM)"),
            ],
        ),
        (
            "Content-Disposition: attachment; filename*=UTF-8''%E3%81%82",
            [
                ("attachment", "to be saved as a file"),
                ("filename*=UTF-8''%E3%81%82", "under the name あ, for programs that know this newer form"),
            ],
        ),
        (
            'Link: </a,b>; rel=preload, <c>; rel="x, y"',
            [
                ("</a,b>; rel=preload", "/a,b, to be loaded early: the page will need it"),
                ('<c>; rel="x, y"', "c, related to the page as x, y"),
            ],
        ),
        ("Via: 1.1 fred (x)", [("1.1 fred (x)", "the proxy fred, which got the message as HTTP version 1.1")]),
        (
            "X-Forwarded-For: 1.2.3.4, 10.0.0.1",
            [
                ("1.2.3.4", "the client, as claimed: the address 1.2.3.4"),
                ("10.0.0.1", "then through the address 10.0.0.1, of a private network"),
            ],
        ),
        (
            "Strict-Transport-Security: max-age=31536000; includeSubDomains",
            [
                ("max-age=31536000", "for 1 year, counted anew with each answer"),
                ("includeSubDomains", "for all hosts under this one as well"),
            ],
        ),
        (
            "Content-Security-Policy: default-src 'self'; img-src * data:; wrong",
            [
                ("default-src 'self'", "from where anything may come that has no rule of its own: its own origin"),
                (
                    "img-src * data:",
                    "from where images may come: anywhere, what stands in the address itself (data:)",
                ),
                ("wrong", "wrong: not a value of the specification; recipients ignore it"),
            ],
        ),
        (
            "Content-Security-Policy: script-src 'nonce-x' 'sha256-y=' a.example; object-src; report-uri /r",
            [
                (
                    "script-src 'nonce-x' 'sha256-y=' a.example",
                    (
                        "from where scripts may come: what bears the right nonce, a number used once, "
                        "what has this checksum: 'sha256-y=', a.example"
                    ),
                ),
                ("object-src", "from where embedded objects may come: nothing"),
                ("report-uri /r", "where breaches are reported: /r"),
            ],
        ),
        (
            "Content-Security-Policy: img-src a b c d e f g h i j",
            [("img-src a b c d e f g h i j", "from where images may come: a, b, c, d, e, f, g, h, ...")],
        ),
        ("Permissions-Policy: usb=()", [("usb=()", "nobody may use usb")]),
        ("Permissions-Policy: usb=(self)", [("usb=(self)", "only the origin of this page may use usb")]),
        ("X-Frame-Options: SAMEORIGIN", [("SAMEORIGIN", "only pages of the same origin (scheme, host and port) may")]),
        (
            "Set-Cookie: a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            [
                ("a=", "the cookie a, whose value has 0 bytes"),
                (
                    "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                    "it is to be deleted at once: kept until 1970-01-01 00:00:00 UTC, about 57 years ago",
                ),
            ],
        ),
        (
            "X-Cache: TCP_MISS from proxy.example",
            [("TCP_MISS from proxy.example", "not in the cache: the server was asked")],
        ),
        (
            'Cross-Origin-Opener-Policy: same-origin-allow-popups; report-to="gws"; x',
            [
                ("same-origin-allow-popups", "they are cut off, but for windows that the page opens itself"),
                ('report-to="gws"', "the name of where breaches are reported: gws"),
                ("x", "x: not a value of the specification; recipients ignore it"),
            ],
        ),
        (
            "Cross-Origin-Embedder-Policy-Report-Only: odd",
            [("odd", "odd: not a value of the specification; recipients ignore it")],
        ),
        (
            'Clear-Site-Data: "executionContexts"',
            [('"executionContexts"', "the state of open pages, by a reload")],
        ),
        ("X-UA-Compatible: IE=edge", [("IE=edge", "as its newest version")]),
        (
            "Set-Cookie: a=b; Expires=Session",
            [
                ("a=b", "the cookie a, whose value has 1 byte"),
                ("Session", "this is not a date that exists, in a form that HTTP knows"),
            ],
        ),
        ("X-Cache: CONFIG_NOCACHE", [("CONFIG_NOCACHE", "in the words of this cache: CONFIG_NOCACHE")]),
        (
            "CF-Ray: 9a1b2c-NRT",
            [("9a1b2c", "the number of the request"), ("NRT", "the place, named after the airport NRT")],
        ),
        ('CF-Visitor: {"scheme":"https"}', [('{"scheme":"https"}', "over https, encrypted")]),
        (
            "User-Agent: (Linux; Android 10; K)",
            [
                ("Linux", "Linux"),
                ("Android 10", "Android; Chrome says 10 on every newer version, too"),
                ("K", "Chrome says K for every model of device"),
            ],
        ),
        ("CF-Ray: 9a1b2c", [("9a1b2c", "the number 9a1b2c")]),
        (
            "X-Requested-With: XMLHttpRequest",
            [("XMLHttpRequest", "a script of the page, as jQuery and others mark it")],
        ),
        ("X-Requested-With: com.example.app", [("com.example.app", "a page within the Android app com.example.app")]),
        ("X-Requested-With: fetch", [("fetch", "as fetch says")]),
        ("Critical-CH: DPR", [("DPR", "a request without DPR is to be sent again with it")]),
        (
            "Access-Control-Allow-Headers: *, X-A",
            [
                ("*", "any field but Authorization, in requests without cookies and logins"),
                ("X-A", "the field X-A"),
            ],
        ),
        ("X-Powered-By: Express", [("Express", "the framework Express")]),
        (
            "User-Agent: Edg/140.0.0.0",
            [("Edg/140.0.0.0", "the browser Edge, version 140.0.0.0")],
        ),
        (
            'Alt-Svc: h3=":443"; ma=86400',
            [('h3=":443"', "HTTP/3 at the same host, port 443"), ("ma=86400", "this holds for 1 day")],
        ),
        ('Server-Timing: db;dur=5.3;desc="the base"', [('db;dur=5.3;desc="the base"', "the base: 5.3 milliseconds")]),
        ("Access-Control-Allow-Origin: *", [("*", "any site, but without cookies and logins")]),
        ("Access-Control-Max-Age: 600", [("600", "for 10 minutes")]),
        (
            "Vary: Cookie, X-A",
            [
                ("Cookie", "the answer depends on this: the cookies, so that in effect each user gets another answer"),
                ("X-A", "the answer depends on the request's field X-A"),
            ],
        ),
        ("Accept: ,, ,", [(",, ,", "only separators, with nothing between them")]),
        ("Accept: ", [("", "the value is empty")]),
        ("Never-Heard-Of: 1", []),
    ],
)
def test_a_value_is_told_part_by_part(field: str, expected: list[tuple[str, str]]) -> None:
    assert said(field) == expected


def test_a_directive_for_caches_means_one_thing_in_a_request_and_another_in_a_response() -> None:
    field = "Cache-Control: max-age=60, only-if-cached, max-age=1, odd, no-cache=x"
    assert said(field, ASKED) == [
        ("max-age=60", "an answer from a cache must not be older than 1 minute"),
        ("only-if-cached", "the answer is to come from a cache, or not at all (504)"),
        ("max-age=1", "max-age is given more than once: caches use the first, or count the answer as stale"),
        ("odd", "odd: no directive of a standard; caches that don't know it ignore it"),
        ("no-cache=x", "caches have to ask the server before they answer, as with a reload"),
    ]
    assert said(field, ANSWERED) == [
        ("max-age=60", "may be used for 1 minute without asking again"),
        ("only-if-cached", "only-if-cached means nothing in this direction; caches ignore it"),
        ("max-age=1", "max-age is given more than once: caches use the first, or count the answer as stale"),
        ("odd", "odd: no directive of a standard; caches that don't know it ignore it"),
        ("no-cache=x", "may be used without asking, but for these fields: x"),
    ]
    assert said("Cache-Control: max-age=soon") == [("max-age=soon", "max-age takes a number of seconds, not soon")]
    assert said("Cache-Control: max-age=0") == [
        ("max-age=0", "stale at once: the server is to be asked before each use")
    ]


def test_a_directive_for_caches_names_the_section_that_defines_it() -> None:
    def sections(value: bytes, setting: Setting) -> list[str]:
        return [gloss.section for gloss in explain_value(b"cache-control", value, setting)]

    assert sections(b"no-cache, stale-if-error=1, odd", ASKED) == ["RFC 9111 5.2.1.4", "RFC 5861 4", "RFC 9111 5.2"]
    assert sections(b"no-cache, s-maxage=1, immutable", ANSWERED) == [
        "RFC 9111 5.2.2.4",
        "RFC 9111 5.2.2.10",
        "RFC 8246 2",
    ]


_OLD_FORM = (
    "1994-11-06 08:49:37 UTC, about 32 years ago; the form of the date is an old one, which is no longer to be sent"
)


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Fri, 27 Nov 2026 02:47:11 GMT", [("2026-11-27 02:47:11 UTC, just now")]),
        ("Thu, 26 Nov 2026 02:47:10 GMT", ["2026-11-26 02:47:10 UTC, 1 day ago"]),
        ("Sun, 06 Nov 1994 08:49:37 GMT", ["1994-11-06 08:49:37 UTC, about 32 years ago"]),
        (
            "Sunday, 06-Nov-94 08:49:37 GMT",
            [_OLD_FORM],
        ),
        (
            "Sun Nov  6 08:49:37 1994",
            [_OLD_FORM],
        ),
        (
            "Sat, 28 Nov 2026 02:47:11 +0000",
            ["2026-11-28 02:47:11 UTC, 1 day from now; the date is not quite in the form that HTTP wants"],
        ),
        (
            "Mon, 06 Nov 1994 08:49:37 GMT",
            ["the day of the week is wrong: it was a Sunday", "1994-11-06 08:49:37 UTC, about 32 years ago"],
        ),
        ("Sat, 31 Dec 2016 23:59:60 GMT", ["2016-12-31 23:59:59 UTC, about 10 years ago"]),
        ("Mon, 30 Feb 2026 00:00:00 GMT", ["this is not a date that exists, in a form that HTTP knows"]),
        ("Mon, 01 Xyz 2026 00:00:00 GMT", ["this is not a date that exists, in a form that HTTP knows"]),
        ("yesterday", ["this is not a date that exists, in a form that HTTP knows"]),
    ],
)
def test_a_date_says_how_long_ago_it_was(date: str, expected: list[str]) -> None:
    for name in ("Last-Modified", "If-Modified-Since", "Date", "Expires", "Retry-After", "If-Range"):
        assert [sentence for _, sentence in said(f"{name}: {date}")] == expected


def test_without_the_time_now_nothing_is_said_of_how_long_ago() -> None:
    field = "Date: Fri, 27 Nov 2026 02:47:11 GMT"
    assert said(field, Setting(Direction.RESPONSE)) == [("Fri, 27 Nov 2026 02:47:11 GMT", "2026-11-27 02:47:11 UTC")]


def test_a_password_is_never_said() -> None:
    spoken = said("Authorization: Basic dXNlcjpzM2NyM3Q=", ASKED)
    assert spoken == [
        ("Basic", "Basic: name and password, readable by anyone who sees them"),
        ("dXNlcjpzM2NyM3Q=", "the user user, with the password in readable form: Base64 hides nothing"),
    ]
    assert said("Authorization: Basic %%%", ASKED)[1][1] == "this is not the Base64 that Basic asks for"
    assert said("Authorization: Basic dXNlcg==", ASKED)[1][1] == "a login without the colon between name and password"
    assert said("Authorization: Bearer eyJhb.c.d", ASKED)[1][1] == (
        "a secret token, in the form of a signed statement (JWT)"
    )


def test_a_value_of_very_many_parts_says_how_much_is_left() -> None:
    value = b"a/b," * 100
    glosses = explain_value(b"accept", value, ASKED)
    assert len(glosses) == 65
    assert (glosses[-1].start, glosses[-1].stop) == (256, 399 + 1)
    assert Translator().told(glosses[-1].sentence) == "144 more bytes are not explained here"
    assert len(explain_value(b"accept", b"a/b," * 64, ASKED)) == 64


def test_a_client_is_no_server_and_a_web_view_no_safari() -> None:
    assert said("User-Agent: Python/3.13 aiohttp/3.14", ASKED) == [
        ("Python/3.13", "Python, version 3.13, as a part of the client"),
        ("aiohttp/3.14", "the library aiohttp for programs, version 3.14"),
    ]
    assert said("Server: Python") == [("Python", "Python, as a part of the server")]
    view = "Android's WebView: the page is shown within an app"
    spoken = said("User-Agent: (Android 16; wv) Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36", ASKED)
    assert spoken[:3] == [("Android 16", "Android"), ("wv", view), ("Version/4.0", view)]
    assert said("User-Agent: Version/18.6", ASKED)[0][1].startswith("the version 18.6 of Safari")


def test_names_have_no_case() -> None:
    assert said("hOST: x:1") == said("Host: x:1") != []
    assert purpose(b"hOST") == purpose(b"host")


def test_an_unknown_field_says_that_it_is_ignored() -> None:
    assert purpose(b"never-heard-of")[1] == "RFC 9110 5.1"
    assert purpose(b"x-never-heard-of")[1] == "RFC 6648"
    assert purpose(b"\xff\x00")[1] == "RFC 9110 5.1"


def test_the_catalogue_of_fields_is_large_and_holds_all_that_have_their_value_explained() -> None:
    assert len(PURPOSES) > 280
    assert EXPLAINERS.keys() <= PURPOSES.keys()
    assert all(name == name.lower() for name in PURPOSES)
