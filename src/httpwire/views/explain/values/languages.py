"""Names of languages and of the regions where they are used.

In: a language tag (RFC 5646). Out: its name, in words; of a tag that is not listed here the tag.
"""

from __future__ import annotations

import re

from httpwire.language import N_, Sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from httpwire.views.explain.syntax import Piece

_TAG = re.compile(rb"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")

_LANGUAGES = {
    "ar": N_("Arabic"),
    "bg": N_("Bulgarian"),
    "bn": N_("Bengali"),
    "ca": N_("Catalan"),
    "cs": N_("Czech"),
    "da": N_("Danish"),
    "de": N_("German"),
    "el": N_("Greek"),
    "en": N_("English"),
    "es": N_("Spanish"),
    "et": N_("Estonian"),
    "fa": N_("Persian"),
    "fi": N_("Finnish"),
    "fil": N_("Filipino"),
    "fr": N_("French"),
    "he": N_("Hebrew"),
    "hi": N_("Hindi"),
    "hr": N_("Croatian"),
    "hu": N_("Hungarian"),
    "id": N_("Indonesian"),
    "it": N_("Italian"),
    "ja": N_("Japanese"),
    "ko": N_("Korean"),
    "lt": N_("Lithuanian"),
    "lv": N_("Latvian"),
    "ms": N_("Malay"),
    "nb": N_("Norwegian (Bokmal)"),
    "nl": N_("Dutch"),
    "no": N_("Norwegian"),
    "pl": N_("Polish"),
    "pt": N_("Portuguese"),
    "ro": N_("Romanian"),
    "ru": N_("Russian"),
    "sk": N_("Slovak"),
    "sl": N_("Slovenian"),
    "sr": N_("Serbian"),
    "sv": N_("Swedish"),
    "sw": N_("Swahili"),
    "ta": N_("Tamil"),
    "te": N_("Telugu"),
    "th": N_("Thai"),
    "tr": N_("Turkish"),
    "uk": N_("Ukrainian"),
    "ur": N_("Urdu"),
    "vi": N_("Vietnamese"),
    "zh": N_("Chinese"),
}

_REGIONS = {
    "419": N_("Latin America"),
    "at": N_("Austria"),
    "au": N_("Australia"),
    "be": N_("Belgium"),
    "br": N_("Brazil"),
    "ca": N_("Canada"),
    "ch": N_("Switzerland"),
    "cn": N_("mainland China"),
    "de": N_("Germany"),
    "es": N_("Spain"),
    "fr": N_("France"),
    "gb": N_("the United Kingdom"),
    "hans": N_("simplified script"),
    "hant": N_("traditional script"),
    "hk": N_("Hong Kong"),
    "ie": N_("Ireland"),
    "in": N_("India"),
    "it": N_("Italy"),
    "jp": N_("Japan"),
    "kr": N_("Korea"),
    "mx": N_("Mexico"),
    "nl": N_("the Netherlands"),
    "nz": N_("New Zealand"),
    "pl": N_("Poland"),
    "pt": N_("Portugal"),
    "ru": N_("Russia"),
    "se": N_("Sweden"),
    "sg": N_("Singapore"),
    "tw": N_("Taiwan"),
    "ua": N_("Ukraine"),
    "us": N_("the United States"),
}


def language(tag: Piece) -> Sentence:
    """The language that `tag` names, with its region or script."""
    if not _TAG.fullmatch(tag.octets):
        return Sentence("{tag}, which is not the tag of a language", tag=tag.shown)
    first, *subtags = tag.octets.decode("ascii").lower().split("-")
    if first not in _LANGUAGES:
        return Sentence("the language {tag}", tag=tag.shown)
    name = Sentence(_LANGUAGES[first])
    if not subtags:
        return name
    if len(subtags) == 1 and subtags[0] in _REGIONS:
        return Sentence("{language} ({region})", language=name, region=Sentence(_REGIONS[subtags[0]]))
    if len(subtags) == 2 and all(subtag in _REGIONS for subtag in subtags):
        script, region = (Sentence(_REGIONS[subtag]) for subtag in subtags)
        return Sentence("{language} ({script}, {region})", language=name, script=script, region=region)
    return Sentence("{language} ({region})", language=name, region=tag.shown)
