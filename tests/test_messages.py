"""Every message a person reads exists in Japanese too, says the same, and is what the package carries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

_PACKAGE = Path(__file__).parents[1] / "src" / "httpwire"
_JAPANESE = _PACKAGE / "locale" / "ja" / "LC_MESSAGES" / "httpwire.po"
_KEYWORDS = {"N_": None, "tr": None, "plural": (1, 2), "Sentence": None, "Amount": (1, 2)}


def catalogue() -> Catalog:
    with _JAPANESE.open("rb") as stream:
        return read_po(stream, locale="ja")


def translated() -> list[Message]:
    return [message for message in catalogue() if message.id]


def in_source() -> set[str | tuple[str, ...]]:
    found = extract_from_dir(str(_PACKAGE), method_map=[("**.py", "python")], keywords=_KEYWORDS)
    return {tuple(id) if isinstance(id, (list, tuple)) else id for _, _, id, _, _ in found}


def test_the_catalogue_holds_just_the_messages_of_the_source() -> None:
    ids = {tuple(m.id) if isinstance(m.id, (list, tuple)) else m.id for m in translated()}
    assert ids == in_source(), "run script/messages"


@pytest.mark.parametrize("message", translated(), ids=lambda m: str(m.id)[:40])
def test_a_message_is_translated_with_the_same_facts_in_it(message: Message) -> None:
    english = message.id if isinstance(message.id, str) else message.id[1]
    string = message.string
    japanese = string if isinstance(string, str) else "".join(string or ())  # one form for every number
    assert japanese, "untranslated"
    assert not message.fuzzy
    assert sorted(re.findall(r"\{\w*\}", japanese)) == sorted(re.findall(r"\{\w*\}", english))
    # A flag named in English is named in Japanese too.
    assert set(re.findall(r"--[a-z-]+", english)) <= set(re.findall(r"--[a-z-]+", japanese))


def _first(forms: object) -> object:
    """Of a message with a plural, the first form: of Japanese the only one."""
    return forms[0] if isinstance(forms, (list, tuple)) else forms


def test_the_compiled_catalogue_is_made_from_the_readable_one() -> None:
    with _JAPANESE.with_suffix(".mo").open("rb") as stream:
        compiled = read_mo(stream)
    strings = {_first(m.id): _first(m.string) for m in compiled if m.id}
    assert strings == {_first(m.id): _first(m.string) for m in translated()}, "run script/messages"
