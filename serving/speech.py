"""Speech: the page's words, figures and dates in the language of whoever reads it.

English is written in code and templates; other languages are gettext catalogues in `serving/locale`, read as text, so
that nothing has to be compiled. `make messages` brings them up to date.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_compact_currency, format_currency, format_decimal, format_percent
from babel.support import Translations

LANGUAGES = {"en": "English", "zh": "中文"}
CATALOGUES = Path(__file__).parent / "locale"


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for a text that is translated where it is shown
    """The text itself, marked for the catalogues."""
    return text


@dataclass(frozen=True)
class Speech:
    """One language: its texts, and figures and dates as its readers write them."""

    language: str
    translations: NullTranslations

    def text(self, message: str, **values: Any) -> str:
        """A text, its `%(name)s` filled in."""
        said = self.translations.gettext(message)
        return said % values if values else said

    def plural(self, singular: str, plural: str, count: int, **values: Any) -> str:
        """A text that depends on a count, `%(count)s`."""
        return self.translations.ngettext(singular, plural, count) % {"count": self.number(count), **values}

    def number(self, value: float, digits: int = 0) -> str:
        return format_decimal(round(value, digits) if digits else round(value), locale=self.language)

    def percent(self, share: float, digits: int = 0) -> str:
        """A share of 1; what is too small to show is said to be less than the smallest that can be."""
        smallest = 10.0 ** -(digits + 2)
        pattern = f"0.{'0' * digits}%" if digits else "0%"
        if 0 < share <= smallest / 2:  # half of it is rounded to the even digit, 0
            return f"<{format_percent(smallest, pattern, locale=self.language)}"
        return format_percent(share, pattern, locale=self.language)

    def money(self, amount: float, currency: str) -> str:
        """Whole units from 100 on, two digits below; never a zero below 0."""
        if abs(amount) >= 99.995:
            return format_currency(round(amount), currency, "¤#,##0", locale=self.language, currency_digits=False)
        return format_currency(round(amount, 2) + 0.0, currency, locale=self.language)  # -0.0 + 0.0 is 0.0

    def short_money(self, amount: float, currency: str) -> str:
        """For headlines: three digits and the order of magnitude."""
        if abs(amount) < 1000:
            return self.money(amount, currency)
        digits = 0 if self.language == "en" and 100_000 <= abs(amount) < 999_500 else 1
        return format_compact_currency(round(amount), currency, locale=self.language, fraction_digits=digits)

    def day(self, day: date | str, length: str = "medium") -> str:
        return format_date(_day(day), length, locale=self.language)

    def short_day(self, day: date | str) -> str:
        """Day and month."""
        return format_date(_day(day), "M月d日" if self.language == "zh" else "d MMM", locale=self.language)

    def month(self, day: date) -> str:
        """A month's short name."""
        return format_date(day, "LLL", locale=self.language)

    def moment(self, moment: datetime, zone: str) -> str:
        """A moment of UTC on the shop's clock."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return format_datetime(aware.astimezone(ZoneInfo(zone)), "medium", locale=self.language)

    def listed(self, texts: Iterable[str]) -> str:
        """Texts side by side, with the language's comma."""
        return ("、" if self.language == "zh" else ", ").join(texts)


def _day(day: date | str) -> date:
    return date.fromisoformat(day) if isinstance(day, str) else day


@cache
def speech(language: str) -> Speech:
    """The speech of one of LANGUAGES."""
    if language == "en":
        return Speech(language, NullTranslations())
    with catalogue(language).open("rb") as file:
        read = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return Speech(str(Locale.parse(language)), Translations(compiled))


def catalogue(language: str) -> Path:
    """The file of a language's texts."""
    return CATALOGUES / language / "LC_MESSAGES" / "holdfast.po"


def preferred(accept_language: str) -> str:
    """Of LANGUAGES the one that an Accept-Language header (RFC 9110) wants most; English where it wants neither."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language[:1000].split(",")):
        tag, _, weight = part.strip().partition(";")
        found = re.fullmatch(r"\s*[qQ]=(0(\.\d{0,3})?|1(\.0{0,3})?)\s*", weight) if weight else None
        if weight and not found:
            continue
        quality = float(found.group(1)) if found else 1.0
        language = tag.strip().split("-")[0].lower()
        if quality > 0 and language in LANGUAGES:
            wanted.append((-quality, place, language))
    return min(wanted)[2] if wanted else "en"
