"""The one exception a person may meet: a numbered refusal that says what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

REFUSED = 3
"""The exit code of a command that refuses: 0 is done, 1 an error of ours, 2 a wrong command line."""
CODES: dict[str, str] = {
    # 1xx: the files a person keeps
    "HF101": "a settings file is absent",
    "HF102": "a settings file is not valid TOML",
    "HF103": "a settings file has an unknown key",
    "HF104": "a setting has a value that cannot be used",
    "HF105": "the folder already holds a shop",
    "HF106": "a file or folder cannot be read or written",
    "HF107": "the engine that the shop names cannot be used",
    "HF108": "the port cannot be listened on",
    # 2xx: the tables a shop brings
    "HF201": "a table's file is absent or unreadable",
    "HF202": "a table lacks a column",
    "HF203": "a table is empty",
    "HF204": "too many rows of a table are bad",
    "HF205": "a column expression cannot be evaluated",
    "HF206": "a cut-off lies where nothing is known",
    "HF207": "a required table is not mapped",
    "HF208": "the files of one table differ",
    "HF209": "a column is of a type that cannot be used",
    # 21x: what knows the future
    "HF210": "labels without a day stand beside events",
    "HF211": "a feature knows what lies after its cut-off",
    "HF212": "a column tells who left",
    "HF213": "a column repeats the label",
    "HF214": "a column grows with what came after",
    "HF215": "a column holds dates after the cut-off",
    "HF216": "rows are dated later than their load",
    "HF217": "something ends before it begins",
    "HF218": "many rows bear one date",
    "HF219": "one feature tells nearly everything",
    # 22x: databases
    "HF221": "the package for a database is not installed",
    "HF222": "a database cannot be reached",
    "HF223": "a database lacks a table, or does not let it be read",
    # 3xx: learning
    "HF301": "too few customers to learn from",
    "HF302": "too few churners, or too few who stayed",
    "HF303": "too few matured cut-offs",
    "HF304": "a promotion gate was not passed",
    # 4xx: bundles and the registry
    "HF401": "no bundle is published",
    "HF402": "a bundle is damaged",
    "HF403": "a bundle cannot be loaded",
    "HF404": "the registry does not know this bundle or alias",
    "HF405": "the MLflow store cannot be reached",
    "HF406": "a bundle, or what it is registered as, is of another shop",
    "HF407": "another process is at work in the store",
    "HF408": "there is no former champion to go back to",
    # 5xx: the ledger
    "HF501": "the ledger cannot be reached",
    "HF502": "the ledger is locked by another writer",
    "HF503": "no score run is in the ledger",
    "HF504": "the ledger's schema is older or newer than this program",
    # 6xx: requests to the service
    "HF601": "no API key, or an unknown one",
    "HF602": "the API key lacks the scope",
    "HF603": "the customer is not in the ledger",
    "HF604": "the request body is not valid",
    "HF605": "the request body is too large",
    "HF606": "no such address or method",
    "HF607": "a query parameter is not valid",
    "HF608": "the request body is not JSON",
    "HF609": "posted events cannot be scored",
    "HF610": "the service is not ready",
    "HF611": "internal error",
    "HF612": "too many requests at once",
    "HF613": "the request took too long",
    "HF614": "the name or the password is wrong",
    "HF615": "too many failed sign-ins",
    "HF616": "a form is no longer valid",
}


_ENDED_TWICE = re.compile(r"([?!])\.(?=\s|$)|(?<!\.)(\.)\.(?=\s|$)")


class Refusal(Exception):
    """A refusal in the voice of the house: code, what was got and wanted, and the mend.

    What was got may quote a sentence of others; its end is not punctuated twice.
    """

    def __init__(self, code: str, what: str, mend: str = "") -> None:
        if code not in CODES:
            raise KeyError(f"refusal code {code} is not in features/refusal.py")
        self.code = code
        self.what = _ENDED_TWICE.sub(r"\1\2", what)
        self.mend = mend
        super().__init__(str(self))

    def __str__(self) -> str:
        return " ".join(part for part in (self.code, self.what, self.mend) if part)

    def as_dict(self) -> dict[str, str]:
        """The refusal as the JSON that commands and the service give."""
        return {"code": self.code, "title": CODES[self.code], "detail": self.what, "mend": self.mend}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """' Did you mean ...?' when a known word is near, else the list of all known ones."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(words) or 'none'}."
