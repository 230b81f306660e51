"""The languages that people are spoken to in: English and Japanese.

In: a message id (the English sentence), or a Sentence: one with its details, to be said
later in any language. Out: the sentence in the wished language, from the gettext
catalogues beside this package. English needs no catalogue and loads nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("en", "ja")


def N_(message: str) -> str:
    """Marks a message id for the catalogues, where it is translated later."""
    return message


class Sentence:
    """A message id and what fills its {names}; a detail may be a Sentence itself."""

    __slots__ = ("details", "says")

    def __init__(self, says: str, **details: object) -> None:
        self.says = says
        self.details = details

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(self.says)

    def __repr__(self) -> str:
        return f"Sentence({str(self)!r})"

    def __str__(self) -> str:
        return Translator().told(self)


class Amount(Sentence):
    """A Sentence for `n` of something: `says` for one, `many` for others; {n} is the number, with separators."""

    __slots__ = ("many", "n")

    def __init__(self, one: str, many: str, n: int, **details: object) -> None:
        super().__init__(one, **details)
        self.many = many
        self.n = n


class Translator:
    """Called with a message id, gives the sentence in `language`; {names} are filled from keywords."""

    def __init__(self, language: str = "en") -> None:
        self.language = language
        self._catalogue = None
        if language != "en":
            import gettext
            import os

            folder = os.path.join(os.path.dirname(__file__), "locale")
            self._catalogue = gettext.translation("httpwire", folder, [language], fallback=True)

    def __call__(self, message: str, **details: object) -> str:
        if self._catalogue and message:  # an empty id is the catalogue's own header
            message = self._catalogue.gettext(message)
        return message.format(**details) if details else message

    def sentence(self, message: str, details: Mapping[str, object]) -> str:
        """The sentence with `details` filled in, of which `why` and `unit` are message ids themselves."""
        shown = {name: self(str(value)) if name in ("why", "unit") else value for name, value in details.items()}
        return self(message).format(**shown)

    def told(self, sentence: Sentence) -> str:
        """`sentence` in this language, and the sentences in it likewise."""
        shown = {
            name: self.told(value) if isinstance(value, Sentence) else value for name, value in sentence.details.items()
        }
        if isinstance(sentence, Amount):
            return self.plural(sentence.says, sentence.many, sentence.n, **shown)
        return self(sentence.says).format(**shown)

    def plural(self, one: str, many: str, n: int, **details: object) -> str:
        """The sentence for `n` of something; {n} is the number, with separators."""
        english = one if n == 1 else many
        message = self._catalogue.ngettext(one, many, n) if self._catalogue else english
        return message.format(n=f"{n:,}", **details)


def preferred(environ: Mapping[str, str]) -> str:
    """The language that the locale's variables ask for, in gettext's own order; English where it is none of ours."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    wished = [locale]
    if locale not in ("", "C", "POSIX"):
        wished = [*environ.get("LANGUAGE", "").split(":"), locale]
    for name in wished:
        language = name.partition(".")[0].partition("_")[0].partition("-")[0].lower()
        if language in LANGUAGES:
            return language
    return "en"
