"""What a service account is allowed: what RBAC says of it, and what it comes to when it asks."""

from collections.abc import Mapping
from typing import Any

from ooda.common.cluster.interface import Unavailable
from ooda.common.cluster.requests import Requests
from ooda.common.fault_probes import AccessRule

TOKEN_SECONDS = 600
"""How long a token of another account is good; the API server gives none for less."""


async def may(requests: Requests, namespace: str, account: str, rule: AccessRule) -> bool:
    """See ClusterAccounts."""
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "LocalSubjectAccessReview",
        "metadata": {"namespace": namespace},
        "spec": {
            "user": f"system:serviceaccount:{namespace}:{account}",
            "groups": [
                "system:authenticated",
                "system:serviceaccounts",
                f"system:serviceaccounts:{namespace}",
            ],
            "resourceAttributes": {"namespace": namespace, **rule.model_dump()},
        },
    }
    path = f"/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews"
    return bool(_part(await requests.json("POST", path, body=body), "status").get("allowed"))


async def is_let_in(requests: Requests, namespace: str, account: str, rule: AccessRule) -> bool:
    """See ClusterAccounts."""
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": TOKEN_SECONDS},
    }
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    token = _part(await requests.json("POST", path, body=body), "status").get("token")
    root = "/api/v1"
    if rule.group:
        group = await requests.json("GET", f"/apis/{rule.group}")
        root = f"/apis/{_part(group, 'preferredVersion').get('groupVersion')}"
    collection = f"{root}/namespaces/{namespace}/{rule.resource}"
    if rule.verb == "get":  # one that is not there is not found, for who may look
        return await requests.permits(str(token), f"{collection}/{rule.name or 'none'}", {})
    query = {"limit": "1"} if rule.verb == "list" else {"watch": "1", "timeoutSeconds": "1"}
    if rule.name:
        query["fieldSelector"] = f"metadata.name={rule.name}"
    return await requests.permits(str(token), collection, query)


def _part(answer: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = answer.get(key)
    if not isinstance(part, dict):
        raise Unavailable(f"the API server's answer has no {key}")
    return part
