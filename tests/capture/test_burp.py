"""Burp's saved items: octets there and back in base64, text told as reconstructed, and no entity is ever expanded."""

from __future__ import annotations

import base64
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from converted import BEGAN, FACTS, captured, costs, heard, later, peak, read_in, written
from hypothesis import given, settings
from hypothesis import strategies as st

from captures import exchanges_of
from httpwire.capture.formats.burp import format as burp
from httpwire.capture.formats.burp.fields import moment, written_moment
from httpwire.capture.model import Ending
from httpwire.capture.traffic import SOME_TLS, ConnectionFacts
from httpwire.errors import RecordingBroken, RecordingUnreadable

GET = b"GET /%d.html?q HTTP/1.1\r\nHost: a.example\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n%02d"
DTD = """<?xml version="1.0"?>
<!DOCTYPE items [
<!ELEMENT items (item*)>
<!ATTLIST items burpVersion CDATA "">
<!ATTLIST request base64 (true|false) "false">
]>
"""


def item(request: str, response: str = "", *, base64: str = "true", time: str = "Tue Jan 10 17:55:22 EST 2023") -> str:
    return f"""  <item>
    <time>{time}</time>
    <url><![CDATA[https://a.example/login]]></url>
    <host ip="10.0.0.1">a.example</host>
    <port>8443</port>
    <protocol>https</protocol>
    <method><![CDATA[GET]]></method>
    <path><![CDATA[/login]]></path>
    <extension>null</extension>
    <request base64="{base64}"><![CDATA[{request}]]></request>
    <status>200</status>
    <responselength>3</responselength>
    <mimetype>HTML</mimetype>
    <response base64="{base64}"><![CDATA[{response}]]></response>
    <comment></comment>
  </item>
"""


def items(*made: str, dtd: str = DTD) -> bytes:
    begin = '<items burpVersion="2023.1" exportTime="Tue Jan 10 17:56:32 EST 2023">'
    return "\n".join((dtd + begin, "".join(made) + "</items>", "")).encode()


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def test_golden(tmp_path: Path) -> None:
    path = captured(tmp_path / "a.hwire", [(GET % 1, OK % 1)])
    data, toll = written(path, burp.write)
    expected = f"""<items burpVersion="httpwire" exportTime="Tue Nov 14 22:13:20 UTC 2023">
  <item>
    <time>Tue Nov 14 22:13:20 UTC 2023</time>
    <url><![CDATA[http://a.example/1.html?q]]></url>
    <host ip="127.0.0.1">a.example</host>
    <port>80</port>
    <protocol>http</protocol>
    <method><![CDATA[GET]]></method>
    <path><![CDATA[/1.html?q]]></path>
    <extension>html</extension>
    <request base64="true"><![CDATA[{b64(GET % 1)}]]></request>
    <status>200</status>
    <responselength>{len(OK % 1)}</responselength>
    <mimetype>HTML</mimetype>
    <response base64="true"><![CDATA[{b64(OK % 1)}]]></response>
    <comment></comment>
  </item>
</items>
"""
    assert data.decode("ascii").partition("]>\n")[2] == expected
    assert costs(toll.lost) == {"segment-times": 1, "burp-times": 1, "addresses": 1}


def test_what_an_item_says(tmp_path: Path) -> None:
    told, toll = read_in(tmp_path / "a.xml", items(item(b64(GET % 1), b64(OK % 1)), item(b64(GET % 2))), burp.read)
    assert told.pairs == [(GET % 1, OK % 1), (GET % 2, b"")]
    assert told.endings == [Ending.CLOSED, Ending.UNSEEN]
    assert told.facts[0] == ConnectionFacts(
        1_673_391_322 * 10**9,
        server="10.0.0.1:8443",
        target="https://a.example:8443",
        tls=SOME_TLS,
        name="a.example",
        origin="burp",
    )
    assert costs(toll.lost) == {"no-answer": 1}
    assert not toll.reconstructed


octets = st.binary(max_size=200)


@settings(max_examples=25)
@given(st.lists(st.tuples(octets, octets), max_size=4), st.sampled_from([1, 2, 3, 7, 1000]))
def test_there_and_back(tails: list[tuple[bytes, bytes]], block: int) -> None:
    pairs = [(GET % 1 + tail, OK % 1 + more) for tail, more in tails]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = captured(f"{folder}/a.hwire", pairs)
        patch.setattr(burp, "_ENCODED", 60)
        patch.setattr("httpwire.capture.source._LOOK", block)
        data, toll = written(path, burp.write)
        ET.fromstring(data)  # our own
        assert burp.recognises(data[:4096])
        assert read_in(f"{folder}/a.xml", data, burp.read)[0].pairs == exchanges_of(path)
        assert not toll.skipped


hostile_names = st.text(st.characters(codec="latin-1"), min_size=1, max_size=30)


@settings(max_examples=25)
@given(hostile_names, hostile_names)
def test_names_from_the_wire_stay_text(method: str, target: str) -> None:
    request = b"%b /%b HTTP/1.1\r\nHost: %b\r\n\r\n" % (*(n.encode("latin-1") for n in (method, target)), b"a]]><b>&x;")
    with tempfile.TemporaryDirectory() as folder:
        path = captured(f"{folder}/a.hwire", [(request, OK % 1)])
        data, _ = written(path, burp.write)
        ET.fromstring(data)  # our own
        assert read_in(f"{folder}/a.xml", data, burp.read)[0].pairs == exchanges_of(path)


def test_text_is_told_as_reconstructed(tmp_path: Path) -> None:
    """What Burp saves without base64 by default: XML 1.1, octets that no XML may have, and often line ends changed."""
    request = (GET % 1).decode()
    response = "HTTP/1.1 200 OK\nA: b\n\nline\nline\r\n\x00\x01 <&> é"
    data = items(item(request, response, base64="false"), dtd=DTD.replace("1.0", "1.1")).replace("é".encode(), b"\xe9")
    told, toll = read_in(tmp_path / "a.xml", data, burp.read)
    expected = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nline\nline\r\n\x00\x01 <&> \xe9"
    assert told.pairs == [(GET % 1, expected)]
    assert told.facts[0].reconstructed == ("burp-text", "burp-line-ends")
    assert costs(toll.reconstructed) == {"burp-text": 2, "burp-line-ends": 1}


@pytest.mark.parametrize("block", [1, 5, 4096])
def test_references_and_sections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr("httpwire.capture.source._LOOK", block)
    made = item("@", "@").replace(
        "<![CDATA[@]]>", "GET /?a&amp;b&#61;&lt;<![CDATA[]]]]><![CDATA[>]]>&#x3042; HTTP/1.1&#13;&#10;"
    )
    made = made.replace('base64="true"', "").replace("<comment>", "<!-- <item> --><?x <item>?><comment a='>' b=\"'\">")
    told, _ = read_in(tmp_path / "a.xml", items(made), burp.read)
    assert told.pairs == [("GET /?a&b=<]]>あ HTTP/1.1\r\n".encode(),) * 2]


def test_http2_is_told(tmp_path: Path) -> None:
    made = item(b64(b"GET / HTTP/2\r\nHost: a\r\n\r\n"), b64(b"HTTP/2 200 OK\r\n\r\n"))
    told, toll = read_in(tmp_path / "a.xml", items(made), burp.read)
    assert told.facts[0].reconstructed == ("burp-http2",)
    assert costs(toll.reconstructed) == {"burp-http2": 2}


def test_items_without_anything(tmp_path: Path) -> None:
    told, toll = read_in(tmp_path / "a.xml", items(item(""), item("", b64(OK % 1)), "<item/>"), burp.read)
    assert told.pairs == [(b"", OK % 1)]
    assert costs(toll.skipped) == {"burp-empty": 2}
    assert costs(toll.lost) == {"no-request": 1}


@pytest.mark.parametrize(
    ("text", "seconds", "sure"),
    [
        ("Tue Jan 10 17:55:22 EST 2023", 1_673_391_322, True),
        ("Tue Jan 10 17:55:22 UTC 2023", 1_673_373_322, True),
        ("Wed Jan 11 07:55:22 JST 2023", 1_673_391_322, True),
        ("Wed Jan 11 07:55:22 GMT+09:00 2023", 1_673_391_322, True),
        ("Tue Jan 10 17:55:22 IST 2023", 1_673_373_322, False),
        ("Tue Foo 10 17:55:22 UTC 2023", 0, False),
        ("Tue Jan 10 99:55:22 UTC 2023", 0, False),
        ("Tue Jan 10 17:55:22 UTC 9999", 0, False),
        ("", 0, False),
    ],
)
def test_times(text: str, seconds: int, sure: bool) -> None:  # noqa: FBT001  # a column of the table
    assert moment(text) == (seconds * 10**9, sure)


def test_times_there_and_back() -> None:
    assert written_moment(BEGAN) == "Tue Nov 14 22:13:20 UTC 2023"
    assert moment(written_moment(BEGAN)) == (BEGAN // 10**9 * 10**9, True)


BOMB = '<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
HOSTILE = {
    "laughs": items(item("&b;").replace("<![CDATA[", "").replace("]]>", ""), dtd=f"<!DOCTYPE items [{BOMB}]>"),
    "external": items(item(""), dtd='<!DOCTYPE items [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
    "parameter": items(item(""), dtd='<!DOCTYPE items [<!ENTITY % p SYSTEM "http://a.invalid/"> %p;]>'),
    "referred": items(item(""), dtd="<!DOCTYPE items [ %p; ]>"),
    "other file": items(item(""), dtd='<!DOCTYPE items SYSTEM "http://a.invalid/items.dtd">'),
    "public": items(item(""), dtd='<!DOCTYPE items PUBLIC "x" "http://a.invalid/items.dtd" []>'),
    "in a comment's shadow": items(item(""), dtd='<!DOCTYPE items [<!-- > ]> --> <!ENTITY x "y">]>'),
    "in a string's shadow": items(item(""), dtd='<!DOCTYPE items [<!ATTLIST items a CDATA "]>"> <!ENTITY x "y">]>'),
    "never ends": items(item(""), dtd="<!DOCTYPE items [" + "<!ELEMENT a (b)>" * 9000),
    "unknown": items(item("x").replace("<![CDATA[x]]>", "&nbsp;")),
    "surrogate": items(item("x").replace("<![CDATA[x]]>", "&#xD800;")),
    "no base64": items(item("Zm9v!")),
    "more behind the end": items(item("Zg==Zg==")),
    "cut base64": items(item("Zm9vY")),
    "crossed": items("<item><host></item></host>"),
    "no tag": items("<item><1></item>"),
    "deep": items("<item>" + "<a>" * 10_000),
    "long tag": items("<item " + "a='1' " * 50_000 + ">"),
    "long name": items("<" + "a" * 500_000 + ">"),
    "open section": items('<item><request base64="false"><![CDATA[GET '),
    "utf-16": items(item("")).decode().encode("utf-16"),
    "empty": b"",
    "text": b"GET / HTTP/1.1\r\n\r\n",
    "issues": b"<?xml version='1.0'?><issues burpVersion='1'><issue/></issues>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_refused(tmp_path: Path, name: str) -> None:
    before = items(item(b64(GET % 1))).removesuffix(b"</items>\n")
    pairs, error = heard(tmp_path / "a.xml", HOSTILE[name], burp.read)
    assert isinstance(error, (RecordingBroken, RecordingUnreadable))
    assert "a.xml" in str(error)
    assert sum(len(octets) for pair in pairs for octets in pair) < 5
    if HOSTILE[name].startswith(DTD.encode()):  # what came before is kept
        behind = before + HOSTILE[name].partition(b'2023">\n')[2]
        pairs, error = heard(tmp_path / "a.xml", behind, burp.read)
        assert pairs[0] == (GET % 1, b"")
        assert isinstance(error, RecordingBroken)


def test_burps_own_document_type_passes(tmp_path: Path) -> None:
    data, _ = written(captured(tmp_path / "a.hwire", []), burp.write)
    assert data.count(b"<!ELEMENT") == 16
    assert read_in(tmp_path / "a.xml", data, burp.read)[0].pairs == []


def test_truncated_anywhere(tmp_path: Path) -> None:
    data = items(item(b64(GET % 1), b64(OK % 1)), item(b64(GET % 2), b64(OK % 2)))
    first = data.index(b"</item>") + len("</item>")
    for stop in range(0, len(data.rstrip()) - 1, 7):
        pairs, error = heard(tmp_path / "a.xml", data[:stop], burp.read)
        assert error is not None
        assert stop < first or pairs[0] == (GET % 1, OK % 1)


@settings(max_examples=80)
@given(st.data())
def test_flipped_bits(data: st.DataObject) -> None:
    hostile = bytearray(items(item(b64(GET % 1), "x", base64="false"), item(b64(GET % 2), b64(OK % 2))))
    for _ in range(data.draw(st.integers(1, 4))):
        hostile[data.draw(st.integers(0, len(hostile) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        heard(f"{folder}/a.xml", bytes(hostile), burp.read)


@pytest.mark.parametrize("base64", ["true", "false"])
def test_memory_is_flat(tmp_path: Path, base64: str) -> None:
    before, behind = items(item("@", base64=base64)).split(b"@")
    with (tmp_path / "a.xml").open("wb") as file:
        file.write(before)
        for _ in range(200):
            file.write(b"QUJDREVGR0hJSktM" * 65536)
        file.write(behind)
    octets, memory = peak(tmp_path / "a.xml", burp.__name__)
    assert octets == (150 if base64 == "true" else 200) << 20
    assert memory < 50 << 20


def test_https_and_ports(tmp_path: Path) -> None:
    facts = ConnectionFacts(BEGAN, client="[::1]:5", server="[::1]:8443", tls=SOME_TLS)
    data, toll = written(captured(tmp_path / "a.hwire", [(GET % 1, OK % 1)], facts), burp.write)
    assert b"<url><![CDATA[https://a.example:8443/1.html?q]]></url>" in data
    assert b'<host ip="::1">a.example</host>\n    <port>8443</port>\n    <protocol>https</protocol>' in data
    assert costs(toll.lost)["tls-facts"] == 1
    told, _ = read_in(tmp_path / "a.xml", data, burp.read)
    assert told.facts[0].server == "[::1]:8443"
    assert told.facts[0].target == "https://a.example:8443"
    assert later(FACTS, 0).server == FACTS.server
