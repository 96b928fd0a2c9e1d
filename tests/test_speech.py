"""Speech: every text of the page has its Chinese, every code its word; figures and dates as their readers write them."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, nodes
from pages_by_hand import house, shown

from features.catalog import DRIVERS
from models.decide import CONSIDERED, NO_ACTION_REASONS
from models.relationship import QUADRANTS as QUADRANT_CODES
from models.relationship import STAGES as STAGE_CODES
from models.relationship import STATES as STATE_CODES
from models.relationship import TIERS as TIER_CODES
from serving import words
from serving.speech import CATALOGUES, LANGUAGES, catalogue, preferred, speech
from serving.visit import PAGES
from serving.words import evidence_word

ROOT = Path(__file__).parents[1]
TRANSLATED = [language for language in LANGUAGES if language != "en"]
RUN = "run: make messages"


# ---- which language -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"), ("zh", "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("zh;q=0.3,en;q=0.4", "en"), ("en;q=0.4,zh;q=0.400", "en"), ("zh;q=0.4,en;q=0.4", "zh"),
        ("fr,de;q=0.9,zh;q=0.1", "zh"), ("fr", "en"), ("*", "en"), ("zh;q=0", "en"), ("zh;q=0.000,en;q=0.1", "en"),
        ("ZH-Hans-CN", "zh"), ("zh ; q=0.5", "zh"), ("zh;Q=0.5", "zh"), ("  zh  ,en;q=0.1", "zh"),
        ("zh;q=2", "en"), ("zh;q=-1", "en"), ("zh;q=nan", "en"), ("zh;q=1.001", "en"), ("zh;level=1", "en"),
        (";;,=,q=1,\0,zh", "zh"), ("zhx", "en"), (f"zh,{'x' * 10_000}", "zh"), (f"{'x' * 10_000},zh", "en"),
        (f"zh{',en' * 5000}", "zh"),
    ],
)  # fmt: skip
def test_the_language_that_is_wanted_most(header: str, language: str) -> None:
    assert language == preferred(header)


@given(st.text(max_size=200) | st.text("zhen-;q=0.19, *", max_size=60))
def test_whatever_a_browser_asks_for_it_gets_a_language_of_the_page(header: str) -> None:
    assert preferred(header) in LANGUAGES


# ---- figures and dates ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "digits", "said"),
    [(0, 0, "0%"), (0.0001, 0, "<1%"), (0.005, 0, "<1%"), (0.0051, 0, "1%"), (0.412, 0, "41%"), (1, 0, "100%"),
     (0.0004, 1, "<0.1%"), (0.0005, 1, "<0.1%"), (0.0716, 1, "7.2%")],
)  # fmt: skip
def test_a_share_in_per_cent(share: float, digits: int, said: str) -> None:
    assert [said, said] == [speech(language).percent(share, digits) for language in LANGUAGES]


@given(st.floats(0, 1, exclude_min=True), st.sampled_from([0, 1]))
def test_what_is_not_nothing_is_never_said_to_be_nothing(share: float, digits: int) -> None:
    assert re.search("[1-9]", speech("en").percent(share, digits))


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [(0, "EUR", "€0.00"), (18.2, "EUR", "€18.20"), (99.994, "EUR", "€99.99"), (99.996, "EUR", "€100"),
     (1234.56, "USD", "$1,235"), (-3.5, "EUR", "-€3.50"), (-0.004, "EUR", "€0.00"), (-150.4, "EUR", "-€150"), (12.3, "JPY", "¥12")],
)  # fmt: skip
def test_money_is_told_in_whole_units_from_100_on(amount: float, currency: str, said: str) -> None:
    assert said == speech("en").money(amount, currency)


@pytest.mark.parametrize(
    ("amount", "en", "zh"),
    [
        (999.4, "€999", "€999"),
        (1234, "€1.2K", "€1234"),
        (1234.56, "€1.2K", "€1235"),
        (123_456, "€123K", "€12.3万"),
        (1_234_567, "€1.2M", "€123.5万"),
    ],
)
def test_money_in_headlines(amount: float, en: str, zh: str) -> None:
    assert (en, zh) == (speech("en").short_money(amount, "EUR"), speech("zh").short_money(amount, "EUR"))


def test_days_and_moments_as_their_readers_write_them() -> None:
    en, zh, day = speech("en"), speech("zh"), date(2024, 5, 1)

    assert ("May 1, 2024", "2024年5月1日") == (en.day(day), zh.day("2024-05-01"))
    assert ("May 1, 2024", "2024年5月1日") == (en.day(day, "long"), zh.day(day, "long"))
    assert ("1 May", "5月1日") == (en.short_day(day), zh.short_day(day))
    assert ("May", "5月") == (en.month(day), zh.month(day))
    assert "2024年5月2日 07:00:00" == zh.moment(datetime(2024, 5, 1, 23), "Asia/Shanghai")


def test_one_is_one_and_several_are_several() -> None:
    said = [speech("en").plural("%(count)s line", "%(count)s lines", count) for count in (0, 1, 2, 1200)]

    assert ["0 lines", "1 line", "2 lines", "1,200 lines"] == said
    assert "1件商品" == speech("zh").plural("%(count)s line", "%(count)s lines", 1)
    assert "价格、退货" == speech("zh").listed(["价格", "退货"])


# ---- the catalogues -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made_anew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the catalogues as `make messages` would write them now; the commands are read in the Makefile."""
    folder = tmp_path_factory.mktemp("messages")
    shutil.copytree(CATALOGUES, folder / "locale")
    recipe = re.search(r"^messages:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe
    with pytest.MonkeyPatch.context() as moved:
        moved.chdir(ROOT)
        for line in recipe[1].replace("\\\n", " ").splitlines():
            asked = [part.replace(".venv/holdfast.pot", str(folder / "holdfast.pot")) for part in shlex.split(line)]
            if asked[2] == "update":
                asked[asked.index("-d") + 1] = str(folder / "locale")
            CommandLineInterface().run(asked)  # type: ignore[no-untyped-call]
    return folder


def messages(file: Path) -> Iterator[Message]:
    with file.open("rb") as opened:
        found = read_po(opened, locale="zh")
    assert not found.obsolete, f"the catalogue holds what nobody says any more; {RUN}"
    return (message for message in found if message.id)


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_catalogue_holds_exactly_what_code_and_templates_say(made_anew: Path, language: str) -> None:
    ours = {message.id for message in messages(catalogue(language))}
    with (made_anew / "holdfast.pot").open("rb") as template:
        said = {message.id for message in read_po(template) if message.id}

    assert set() == said - ours, RUN
    assert set() == ours - said, RUN


@pytest.mark.parametrize("language", TRANSLATED)
def test_making_the_messages_anew_changes_nothing(made_anew: Path, language: str) -> None:
    anew = made_anew / catalogue(language).relative_to(CATALOGUES.parent)

    assert anew.read_text(encoding="utf-8") == catalogue(language).read_text(encoding="utf-8"), RUN


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_no_translation_is_a_guess(language: str) -> None:
    for message in messages(catalogue(language)):
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(text and text.strip() == text for text in texts), message.id
        assert not message.fuzzy, message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_fills_in_what_the_english_does(language: str) -> None:
    def places(text: str | tuple[str, ...]) -> set[str]:
        return set(re.findall(r"%\(\w+\)\w|%(?!\()\S?", " ".join((text,) if isinstance(text, str) else text)))

    for message in messages(catalogue(language)):
        if places(message.id) or places(message.string):
            assert {p for p in places(message.id) if "(" in p} == {p for p in places(message.string) if "(" in p}
            assert not list(message.check()), message.id


# ---- templates ------------------------------------------------------------------------------------------------------


SAID_IN_EVERY_LANGUAGE = {"Holdfast", "CSV", "Excel", "JSON"}
TRANSLATING = {"_", "gettext", "ngettext"}


def bare_texts(template: Path) -> Iterator[str]:
    """What a template shows without asking for its translation: text, attributes that are read, and constants."""
    tree = Environment(extensions=["jinja2.ext.i18n"]).parse(template.read_text(encoding="utf-8"))
    pieces = [
        piece.data if isinstance(piece, nodes.TemplateData) else "{}"
        for output in tree.find_all(nodes.Output)
        for piece in output.nodes
    ]
    page = "".join(pieces)
    page = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    yield from re.findall(r'\b(?:title|alt|placeholder|aria-label)="([^"]*[A-Za-z][^"]*)"', page)
    yield from re.findall(r"[^\W\d_]+", re.sub(r"&\w+;", " ", re.sub(r"<[^>]*>", " ", page)))
    yield from (
        found for found in constants(tree) if re.search(r"[A-Z][a-z]|[a-z] [a-z]|[A-Z]{2}|[^\x00-\x7f]\w", found)
    )


def constants(node: nodes.Node) -> Iterator[str]:
    """The texts in a template's expressions that are not the words of a translating call."""
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in TRANSLATING:
        return
    if isinstance(node, nodes.Compare):  # codes that are compared are not shown
        return
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    for child in node.iter_child_nodes():
        yield from constants(child)


@pytest.mark.parametrize("template", sorted(PAGES.glob("*.html")), ids=lambda template: template.name)
def test_no_template_says_anything_in_one_language_only(template: Path) -> None:
    found = set(bare_texts(template)) - SAID_IN_EVERY_LANGUAGE - {"zh-CN"}

    assert set() == found, f"{template.name} says {found} without _()"


def said_in_templates() -> list[str]:
    """The English texts that templates translate, singulars and plurals alike."""
    found = set()
    for template in PAGES.glob("*.html"):
        tree = Environment(extensions=["jinja2.ext.i18n"]).parse(template.read_text(encoding="utf-8"))
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in TRANSLATING:
                found |= {one.value for one in call.args[:2] if isinstance(one, nodes.Const)}
    return sorted(found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_a_template_can_be_said(language: str) -> None:
    """Templates fill every text in, so that a per cent sign which is none of its placeholders must stand twice."""
    texts = said_in_templates()

    assert len(texts) > 100
    for text in texts:
        values = dict.fromkeys(re.findall(r"%\((\w+)\)s", text), "1")
        assert speech(language).translations.gettext(text) % values


def test_a_text_without_its_translation_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<p title="Tip">Hello {{ _("there") }}</p>{{ "Good day" if x == "HF603" }}', encoding="utf-8"
    )
    assert {"Tip", "Hello", "Good day"} == set(bare_texts(tmp_path / "page.html"))


# ---- words ----------------------------------------------------------------------------------------------------------


WORDS: dict[str, tuple[Mapping[str, words.Word], tuple[str, ...]]] = {
    "band": (words.BANDS, ("low", "medium", "high")),
    "tier": (words.TIERS, TIER_CODES),
    "quadrant": (words.QUADRANTS, QUADRANT_CODES),
    "state": (words.STATES, STATE_CODES),
    "stage": (words.STAGES, STAGE_CODES),
    "arm": (words.ARMS, ("treat", "control", "none")),
    "evidence": (words.EVIDENCE, ("rule", "observational", "randomised")),
    "grade": (words.GRADES, ("A", "B", "C", "D")),
}


@pytest.mark.parametrize("kind", WORDS)
def test_every_code_has_a_name_and_a_meaning_in_every_language(kind: str) -> None:
    known, codes = WORDS[kind]

    assert set(codes) == set(known)
    for text in (text for word in (*known.values(), *words.FIELDS.values()) for text in word):
        assert text
        assert all(speech(language).text(text) != text for language in TRANSLATED), f"{text!r}: {RUN}"


def test_every_reason_has_a_meaning_in_every_language() -> None:
    assert list(DRIVERS) == list(words.DRIVER_MEANINGS)
    for text in words.DRIVER_MEANINGS.values():
        assert all(speech(language).text(text) != text for language in TRANSLATED), f"{text!r}: {RUN}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_page_names_every_reason_and_what_it_means(tmp_path: Path, language: str) -> None:
    with house(tmp_path) as made, made.browser(language=language) as browser:
        page = browser.get("/words")

    text, say = shown(page), speech(language).text
    for name, driver in DRIVERS.items():
        told = f"{getattr(driver, language)} {say(words.DRIVER_MEANINGS[name])} "
        assert told + say("can be changed") in text if driver.role == "lever" else told in text, name
    levers = sum(driver.role == "lever" for driver in DRIVERS.values())
    assert levers == text.count(say("can be changed"))


def test_words_of_one_kind_are_told_apart_in_every_language() -> None:
    for known, _ in WORDS.values():
        for language in LANGUAGES:
            names = [speech(language).text(name) for name, _ in known.values()]
            assert len(set(names)) == len(names), names


def test_every_verdict_and_every_why_not_is_told_in_both_languages() -> None:
    for en, zh in (*NO_ACTION_REASONS.values(), *CONSIDERED.values()):
        assert en.isascii()
        assert re.search(r"[\u4e00-\u9fff]", zh)
        assert en != zh


def test_evidence_is_told_by_its_kind() -> None:
    assert words.EVIDENCE["randomised"] == evidence_word("randomised (240)")
    assert ("rumour", "") == evidence_word("rumour")
