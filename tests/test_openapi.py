"""What the service says of itself is what it is."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from serving.addresses import ADDRESSES, address_of
from serving.examples import EXAMPLES
from serving.openapi import description


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.__name__)
def test_every_example_is_valid(model: type[BaseModel]) -> None:
    model.model_validate(EXAMPLES[model])


def test_every_request_and_answer_has_an_example() -> None:
    for address in ADDRESSES:
        for model in (address.body, address.gives):
            assert model is None or model in EXAMPLES


def test_every_parameter_is_described_with_its_values() -> None:
    parameters = {p["name"]: p for p in description()["paths"]["/v1/churn-list"]["get"]["parameters"]}

    assert {"band", "segment", "tier", "value_quadrant", "reason", "action", "arm", "sort", "limit", "after",
            "format"} == set(parameters)  # fmt: skip
    assert "going_quiet" in str(parameters["reason"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # BentoML 1.4.39 uses what pathspec and pydantic deprecate
def test_every_route_of_the_service_is_in_the_table() -> None:
    from serving.service import Holdfast

    [(mounted, _, _)] = Holdfast.mount_apps
    served = {api.route for api in Holdfast.apis.values()}
    served |= {route.path.replace(":path", "") for route in mounted.routes}
    listed = {address.path for address in ADDRESSES if address.listed or address.path == "/"}

    assert {"/livez", "/readyz"} == listed - served
    assert set() == served - {address.path for address in ADDRESSES}


def test_an_id_with_a_slash_is_one_customer() -> None:
    found = address_of("/v1/customers/shop/7/explanation")

    assert found is not None
    assert "/v1/customers/{customer_id}/explanation" == found.path
    assert address_of("/v1/customers/7/secrets") is None
