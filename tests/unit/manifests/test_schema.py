"""Every field is one that the API knows: the API server drops others without a word."""

from typing import Any

from kubernetes import client

Objects = list[dict[str, Any]]


def test_no_field_is_misspelt(everything: Objects) -> None:
    for each in everything:
        model = getattr(client, f"V1{each['kind']}")
        known = model.from_dict(each)
        assert client.ApiClient().sanitize_for_serialization(known) == each, each["kind"]
