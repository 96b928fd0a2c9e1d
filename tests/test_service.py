"""The service on a real port: what it answers, what it refuses, and that it never says more than it should."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from running_service import ServedShop, eventually, posted, publish, running, score_again, stored_answers

from features.checked import CheckedTables
from features.refusal import CODES
from models.ledger import score_runs
from serving.messages import Answer, Answers, ProblemDetails

pytestmark = pytest.mark.slow

HTTP = "application/json"


@pytest.fixture(scope="module")
def client(served: ServedShop) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client


def test_a_score_is_the_ledgers_answer_byte_for_byte(served: ServedShop, client: httpx.Client) -> None:
    for customer, text in list(stored_answers(served).items())[::25]:
        answer = client.post("/v1/score", json={"customer_id": customer})

        assert 200 == answer.status_code
        assert text == answer.text
        Answer.model_validate(answer.json())


def test_a_list_of_scores_keeps_its_order_and_names_strangers(served: ServedShop, client: httpx.Client) -> None:
    known = stored_answers(served)
    wanted = list(known)[10:0:-1]
    answer = client.post("/v1/scores", json={"customer_ids": [*wanted, "nobody", wanted[0]]})

    found = Answers.model_validate(answer.json())
    assert wanted == [score.customer_id for score in found.scores]
    assert ["nobody"] == found.unknown
    assert all(known[customer] in answer.text for customer in wanted)


def test_sixteen_at_once_each_get_their_own_answer(served: ServedShop) -> None:
    known = stored_answers(served)
    wrong: list[str] = []

    def ask(customers: list[str]) -> None:
        with served.client("score") as client:
            for customer in customers:
                if client.post("/v1/score", json={"customer_id": customer}).text != known[customer]:
                    wrong.append(customer)

    threads = [threading.Thread(target=ask, args=(list(known)[i::16],)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == wrong


BODY = {"customer_id": "C00010"}
REFUSED: list[tuple[str, dict[str, Any], int, str, str]] = [
    # what is asked, how, status, code, what the detail says
    ("POST /v1/score", {"json": {"customer_id": "nobody"}}, 404, "HF603", "no such customer in the latest"),
    ("POST /v1/score", {"content": b'{"customer_id":'}, 400, "HF608", "Invalid JSON: EOF while parsing"),
    ("POST /v1/score", {"content": b"\xff\xfe"}, 400, "HF608", "Invalid JSON"),
    ("POST /v1/score", {"content": b"[" * 100_000}, 400, "HF608", "Invalid JSON"),
    ("POST /v1/score", {"content": b""}, 422, "HF604", "customer_id is missing."),
    ("POST /v1/score", {"json": {"customer_id": 7}}, 422, "HF604", "customer_id should be a valid string."),
    ("POST /v1/score", {"json": {**BODY, "note": "x"}}, 422, "HF604", "note is not a known field."),
    ("POST /v1/score", {"json": [BODY]}, 422, "HF604", "the body should be an object."),
    ("POST /v1/score", {"json": {"customer_id": ""}}, 422, "HF604", "customer_id should have at least"),
    ("POST /v1/score", {"json": {"customer_id": "a\0b"}}, 422, "HF604", "customer_id should hold no NUL character."),
    ("POST /v1/scores", {"json": {"customer_ids": ["a", "b\0"]}}, 422, "HF604", "customer_ids[1] should hold no NUL"),
    ("GET /v1/customers/a%00b/explanation", {}, 404, "HF603", "no such customer"),
    ("GET /v1/churn-list?segment=a%00", {}, 400, "HF607", "segment should hold no NUL"),
    ("POST /v1/scores", {"json": {"customer_ids": ["a"] * 1001}}, 422, "HF604", "customer_ids should have at most"),
    ("POST /v1/score", {"data": {"customer_id": "C00010"}}, 415, "HF608", "x-www-form-urlencoded"),
    ("POST /v1/score", {"content": b"x", "headers": {"content-type": "application/vnd.bentoml+pickle"}}, 415, "HF608",
     "vnd.bentoml+pickle"),
    ("POST /v1/score", {"content": b"x", "headers": {"content-type": ""}}, 415, "HF608", "no content type"),
    ("POST /v1/score", {"content": b" " * 10_000_000}, 413, "HF605", "more than 8,388,608 bytes"),
    ("POST /v1/nothing", {"json": {}}, 404, "HF606", "there is nothing at this address."),
    ("GET /v1/score", {}, 405, "HF606", "GET is not possible at this address."),
    ("PUT /v1/score", {}, 405, "HF606", "PUT is not possible at this address."),
    ("POST /v1/churn-list", {"json": {}}, 405, "HF606", "POST is not possible at this address."),
    ("DELETE /v1/customers/C00010/explanation", {"headers": {"content-type": HTTP}}, 405, "HF606", "DELETE"),
    ("GET /v1/churn-list?limit=1001", {}, 400, "HF607", "limit should be less than or equal to 1000."),
    ("GET /v1/churn-list?limit=few", {}, 400, "HF607", "limit should be a valid integer"),
    ("GET /v1/churn-list?colour=red", {}, 400, "HF607", "colour is not a known parameter."),
    ("GET /v1/churn-list?band=red", {}, 400, "HF607", "band should be 'low', 'medium' or 'high'."),
    ("GET /v1/churn-list?after=x", {}, 400, "HF607", "`after` is not a token of this list."),
    ("GET /v1/churn-list?limit=5&limit=6", {}, 400, "HF607", "limit is given twice."),
    ("GET /v1/customers/nobody/explanation", {}, 404, "HF603", "no such customer"),
    ("POST /v1/score-events", {"json": {**BODY, "transactions": [{"timestamp": "2024-01-01", "amount": 1}] * 3000,
      "interactions": [{"timestamp": "2024-01-01", "kind": "visit"}] * 3000}}, 422, "HF604", "at most 5,000 rows in all"),
    ("POST /v1/score-events", {"json": {**BODY, "transactions": [{"timestamp": "2024-01-01", "amount": 2e12}]}}, 422,
     "HF604", "transactions[0].amount should be less than or equal to 1000000000000."),
    ("POST /v1/score-events", {"json": {**BODY, "transactions": [], "customer": {"attributes": {"age": -2e12}}}}, 422,
     "HF604", "customer.attributes.age should lie between -1e+12 and 1e+12."),
    ("POST /v1/score-events", {"json": {**BODY, "transactions": []}}, 422, "HF609", "nothing is known"),
    ("POST /v1/score-events", {"json": {**BODY, "transactions": [], "cutoff": "2999-01-01"}}, 422, "HF206",
     "the cut-off 2999-01-01 lies after today"),
    ("POST /v1/score-events", {"json": {**BODY, "transactions": [{"timestamp": "2024-01-01"}]}}, 422, "HF604",
     "transactions[0].amount is missing."),
    ("POST /v1/score-events", {"json": {**BODY, "transactions": [{"timestamp": "soon", "amount": 1}]}}, 422, "HF604",
     "transactions[0].timestamp should be an ISO 8601 date or timestamp"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "how", "status", "code", "detail"), REFUSED, ids=[f"{r[3]} {r[0]} {i}" for i, r in enumerate(REFUSED)]
)
def test_what_is_refused_is_told_as_a_problem_with_a_code(
    client: httpx.Client, ask: str, how: dict[str, Any], status: int, code: str, detail: str
) -> None:
    method, path = ask.split()
    if "content" in how:
        how = {**how, "headers": {"content-type": HTTP, **how.get("headers", {})}}
    answer = client.request(method, path, **how)

    assert (status, code) == (answer.status_code, answer.json()["code"])
    assert detail in answer.json()["detail"]
    assert "application/problem+json" == answer.headers["content-type"]
    problem = ProblemDetails.model_validate(answer.json())
    assert (status, CODES[code], f"urn:holdfast:{code}") == (problem.status, problem.title, problem.type)
    assert f"urn:uuid:{answer.headers['x-request-id']}" == problem.instance
    assert problem.mend
    assert status != 405 or "allow" in answer.headers
    assert "Traceback" not in answer.text


def test_a_large_body_in_chunks_is_refused_too(client: httpx.Client) -> None:
    chunks = (b" " * 100_000 for _ in range(100))
    answer = client.post("/v1/score", content=chunks, headers={"content-type": HTTP})

    assert (413, "HF605") == (answer.status_code, answer.json()["code"])


def test_a_refusal_never_repeats_a_value(client: httpx.Client) -> None:
    secret = "mrs-jane-doe"
    bodies = [{"customer_id": [secret]}, {"customer_id": {"name": secret}}, {"customer_id": "x" * 300 + secret}]
    for body in bodies:
        answer = client.post("/v1/score", json=body)
        assert 422 == answer.status_code
        assert secret not in answer.text
    assert secret not in client.post("/v1/score", json={"customer_id": secret}).text
    assert secret not in client.get(f"/v1/customers/{secret}/explanation").text


def test_websockets_are_refused(served: ServedShop) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"GET /v1/score HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        first = connection.recv(100)

    assert b"101" not in first.splitlines()[0]


def test_posted_events_equal_the_batch(served: ServedShop, client: httpx.Client, checked: CheckedTables) -> None:
    tables = {
        name: pq.read_table(served.shop / f"{name}.parquet").to_pylist()
        for name in ("transactions", "customers", "interactions", "offers")
    }
    known = {customer: json.loads(text) for customer, text in stored_answers(served).items()}
    chosen = [c for c in known if known[c]["eligible"]][::12] + [c for c in known if not known[c]["eligible"]][::20]
    chosen += [c for c in known if known[c]["decision"]["action"] != "no_action"][:5]
    for customer in dict.fromkeys(chosen):
        answer = client.post("/v1/score-events", json=posted(tables, customer, str(checked.known_until)))
        assert 200 == answer.status_code, answer.text
        fresh, batch = answer.json(), known[customer]
        limits = [warning for warning in fresh["warnings"] if "budget and contact caps" in warning]
        assert (fresh["decision"]["action"] != "no_action") == bool(limits)
        if batch["decision"]["why_not"] not in ("budget_spent", "contacts_spent"):
            assert approximately(batch["decision"]) == fresh["decision"]
        for answer_of_one in (fresh, batch):
            for name in ("scored_at", "decision", "warnings"):
                answer_of_one.pop(name)
        assert approximately(batch) == fresh


def approximately(plain: Any) -> Any:
    """Plain data whose numbers may differ by 1e-9: sums of doubles depend on their order."""
    if isinstance(plain, dict):
        return {name: approximately(value) for name, value in plain.items()}
    if isinstance(plain, list):
        return [approximately(value) for value in plain]
    return pytest.approx(plain, rel=1e-9, abs=1e-6) if isinstance(plain, float) else plain


def test_events_of_today_are_named_as_not_yet_counted(client: httpx.Client) -> None:
    rows = [{"timestamp": f"2024-02-{day}T10:00:00", "amount": 20.0} for day in ("10", "20", "24")]
    before = client.post("/v1/score-events", json={**BODY, "cutoff": "2024-02-24", "transactions": rows[:2]}).json()
    after = client.post("/v1/score-events", json={**BODY, "cutoff": "2024-02-24", "transactions": rows}).json()

    assert "not yet counted, since at or after the cut-off 2024-02-24: 1 of transactions" == after["warnings"][0]
    assert before["churn_probability"] == after["churn_probability"]
    assert before["reasons"] == after["reasons"]


def test_who_opted_out_is_not_scored(client: httpx.Client) -> None:
    rows = [{"timestamp": "2024-02-10", "amount": 20.0}]
    answer = client.post(
        "/v1/score-events",
        json={**BODY, "cutoff": "2024-02-24", "transactions": rows, "customer": {"profiling_opt_out": True}},
    ).json()

    assert (False, None, "opted_out") == (
        answer["eligible"], answer["churn_probability"], answer["decision"]["why_not"]
    )  # fmt: skip
    assert "opted out of profiling" in answer["warnings"]


def test_one_document_describes_every_address(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()

    assert document["openapi"].startswith("3.1")
    assert {"/v1/score", "/v1/scores", "/v1/score-events", "/v1/churn-list", "/v1/model-card", "/metrics", "/livez",
            "/v1/customers/{customer_id}/explanation", "/readyz", "/openapi.json"} == set(document["paths"])  # fmt: skip
    schemas = document["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert references <= set(schemas)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            for status, answer in operation["responses"].items():
                for kind, content in answer["content"].items():
                    assert ("200" == status) != ("application/problem+json" == kind)
                    assert "200" == status or "example" in content


def test_metrics_count_by_template_and_hold_no_customer(served: ServedShop, client: httpx.Client) -> None:
    client.post("/v1/score", json=BODY)
    client.get("/v1/customers/C00010/explanation")
    client.get("/wp-admin/C00010")
    with served.client("metrics") as watcher:
        text = watcher.get("/metrics").text

    assert 'holdfast_request_seconds_count{address="/v1/score",method="POST",status="200"}' in text
    assert 'address="/v1/customers/{customer_id}/explanation"' in text
    assert 'address="other",method="GET",status="404"' in text
    assert 'holdfast_refusals_total{code="HF606"}' in text
    assert "C00010" not in text


def test_reading_works_while_another_process_writes(served: ServedShop, client: httpx.Client) -> None:
    with served.ledger() as ledger, ledger.writing() as connection:
        connection.execute(sa.update(score_runs).values(shop=score_runs.c.shop))

        assert 200 == client.post("/v1/score", json=BODY).status_code
        assert 200 == client.get("/v1/churn-list").status_code
        assert 200 == httpx.get(f"{served.url}/readyz").status_code


def test_a_new_bundle_takes_over_without_a_failed_request(
    served: ServedShop, client: httpx.Client, bundle_folder: Path, checked: CheckedTables
) -> None:
    stop = threading.Event()
    statuses: list[int] = []
    rows = [{"timestamp": "2024-02-10", "amount": 20.0}]
    body = {**BODY, "cutoff": "2024-02-24", "transactions": rows}

    def keep_asking() -> None:
        with served.client("score") as other:
            while not stop.is_set():
                statuses.append(other.post("/v1/score-events", json=body).status_code)
                statuses.append(other.post("/v1/score", json=BODY).status_code)

    thread = threading.Thread(target=keep_asking)
    thread.start()
    try:
        publish(bundle_folder, served.store.bundles, "churn/2")
        eventually(lambda: client.post("/v1/score-events", json=body).json()["bundle"] == "churn/2")
        score_again(served, checked)
        eventually(lambda: client.post("/v1/score", json=BODY).json()["bundle"] == "churn/2")

        (served.store.bundles / "CURRENT").write_text("churn/404\n")
        stop.wait(3)
        assert "churn/2" == client.post("/v1/score-events", json=body).json()["bundle"]
    finally:
        (served.store.bundles / "CURRENT").write_text("churn/2\n")
        stop.set()
        thread.join()

    assert {200} == set(statuses)
    assert len(statuses) > 10


def test_neither_customers_nor_keys_are_in_the_log(served: ServedShop) -> None:
    log = served.log.read_text()

    assert "bundle now" in log
    assert "Traceback" not in log
    for customer in stored_answers(served):
        assert customer not in log
    for key in served.keys.values():
        assert key not in log
    assert "mrs-jane-doe" not in log


def test_bentoml_reports_no_use_even_where_it_has_asked_before_it_imports_the_service(served: ServedShop) -> None:
    code = (
        "from bentoml._internal.utils.analytics.usage_stats import do_not_track\n"
        "assert not do_not_track()\n"
        "import serving.service\n"
        "assert do_not_track()"
    )
    environment = {name: value for name, value in served.environment().items() if name != "BENTOML_DO_NOT_TRACK"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stderr


def test_an_empty_store_lives_but_is_not_ready(tmp_path: Path, served: ServedShop) -> None:
    empty = ServedShop(served.shop, type(served.store)(tmp_path / "store"))
    empty.store.root.mkdir()
    with running(empty):
        assert 200 == httpx.get(f"{empty.url}/livez").status_code
        ready = httpx.get(f"{empty.url}/readyz")
        scored = httpx.post(f"{empty.url}/v1/score", json=BODY, headers={"x-api-key": "hf_any"})

    assert (503, "HF610") == (ready.status_code, ready.json()["code"])
    assert 503 == scored.status_code
    assert str(tmp_path) not in ready.text + scored.text
    assert "HF401" in empty.log.read_text()
