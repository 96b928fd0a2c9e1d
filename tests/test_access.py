"""Programs need a key for every address but the probes, and it opens what its scopes say; pages need a session."""

from __future__ import annotations

import httpx
import pytest
from running_service import ServedShop, eventually

from models.keys import create_key, list_keys, revoke_key
from serving.addresses import ADDRESSES, ANY_KEY, OPEN, SIGNED_IN, Address

pytestmark = pytest.mark.slow

CLOSED = [address for address in ADDRESSES if address.scope not in (OPEN, SIGNED_IN)]
PAGES = [address for address in ADDRESSES if address.scope == SIGNED_IN]


def path_of(address: Address) -> str:
    return address.path.replace("{customer_id}", "C00010")


def ask(client: httpx.Client, address: Address) -> httpx.Response:
    body = {"json": {"customer_id": "C00010"}} if address.method == "POST" else {}
    return client.request(address.method, path_of(address), **body)


@pytest.mark.parametrize("address", CLOSED, ids=lambda address: address.path)
def test_without_a_key_nothing_opens(served: ServedShop, address: Address) -> None:
    with httpx.Client(base_url=served.url) as client:
        answer = ask(client, address)

    assert 401 == answer.status_code
    assert "HF601" == answer.json()["code"]
    assert "an API key is needed." == answer.json()["detail"]
    assert "Bearer" == answer.headers["www-authenticate"]


@pytest.mark.parametrize("address", PAGES, ids=lambda address: address.path)
def test_no_key_opens_a_page_and_whoever_has_no_session_is_sent_to_sign_in(
    served: ServedShop, address: Address
) -> None:
    with served.client() as client:
        answer = client.get(path_of(address))

    assert 303 == answer.status_code
    assert answer.headers["location"].partition("?")[0] == "/sign-in"
    assert "" == answer.text


@pytest.mark.parametrize("given", ["wrong", "hf_" + "A" * 43, "schlüssel"])
def test_a_wrong_key_opens_nothing_and_is_not_repeated(served: ServedShop, given: str) -> None:
    answer = httpx.get(f"{served.url}/v1/churn-list", headers={"x-api-key": given.encode()})

    assert 401 == answer.status_code
    assert "HF601" == answer.json()["code"]
    assert given not in answer.text


@pytest.mark.parametrize("address", CLOSED, ids=lambda address: address.path)
@pytest.mark.parametrize("scope", ["score", "list", "metrics"])
def test_a_scope_opens_its_own_addresses_only(served: ServedShop, address: Address, scope: str) -> None:
    with served.client(scope) as client:
        answer = ask(client, address)

    if address.scope in (scope, ANY_KEY):
        assert answer.status_code not in (401, 403)
    else:
        assert 403 == answer.status_code
        assert "HF602" == answer.json()["code"]
        assert f"this key does not have the scope '{address.scope}'." == answer.json()["detail"]


def test_probes_and_the_way_in_are_open(served: ServedShop) -> None:
    for path in ("/livez", "/readyz", "/healthz", "/sign-in"):
        assert 200 == httpx.get(served.url + path).status_code


@pytest.mark.parametrize(
    "path", ["/v1/churn-list%0A", "/v1/churn-list/", "//v1/churn-list", "/v1/./churn-list", "/V1/churn-list",
             "/v1/customers/C00010/explanation%0A", "/docs.json/", "/static_content/index.html"],
)  # fmt: skip
def test_no_other_spelling_of_a_path_leads_around_the_scopes(served: ServedShop, path: str) -> None:
    with served.client("score") as client:
        answer = client.get(httpx.URL(served.url, raw_path=path.encode()))

    assert answer.status_code in (403, 404)
    assert answer.json()["code"] in ("HF602", "HF606")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_key_may_come_as_a_bearer_token(served: ServedShop, scheme: str) -> None:
    bearer = {"authorization": f"{scheme} {served.keys['list']}"}

    assert 200 == httpx.get(f"{served.url}/v1/churn-list", headers=bearer).status_code


@pytest.mark.parametrize("scheme", ["", "Basic ", "Bearer-"])
def test_a_key_of_another_scheme_is_none(served: ServedShop, scheme: str) -> None:
    answer = httpx.get(f"{served.url}/v1/churn-list", headers={"authorization": f"{scheme}{served.keys['list']}"})

    assert (401, "an API key is needed.") == (answer.status_code, answer.json()["detail"])


def test_a_new_key_works_at_once_and_a_revoked_one_stops_within_seconds(served: ServedShop) -> None:
    with served.ledger() as ledger:
        key, record = create_key(ledger, "short-lived", ["list"])
        headers = {"x-api-key": key}
        eventually(lambda: httpx.get(f"{served.url}/v1/churn-list", headers=headers).status_code == 200, seconds=1)

        revoke_key(ledger, record.key_id)

    eventually(lambda: httpx.get(f"{served.url}/v1/churn-list", headers=headers).status_code == 401, seconds=4)


def test_the_ledger_never_holds_a_key(served: ServedShop) -> None:
    with served.ledger() as ledger:
        assert list_keys(ledger)
    for file in served.store.root.glob("ledger.db*"):
        for key in served.keys.values():
            assert key.encode() not in file.read_bytes()
