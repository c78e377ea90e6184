"""Find the API server, and ask it what it is."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import yaml
from kubernetes.aio import client, config

from ooda.common.reach import UnreachableError, why
from ooda.common.settings import ClusterSettings

UNAUTHORIZED, FORBIDDEN = 401, 403


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What an API server says about itself."""

    version: str
    identity: str
    """UID of the namespace kube-system: it tells one cluster from every other."""


async def connect(settings: ClusterSettings) -> client.ApiClient:
    """Find the cluster: the kubeconfig that is named, else the pod we run in, else the default one.

    Raises UnreachableError if there is no usable configuration.
    """
    configuration = client.Configuration()
    path = _kubeconfig(settings)
    try:
        if path is None:
            config.load_incluster_config(client_configuration=configuration)
        else:
            await config.load_kube_config(
                path,
                context=settings.context,
                client_configuration=configuration,
                persist_config=False,
            )
        return client.ApiClient(configuration)
    except (AttributeError, KeyError, TypeError) as error:
        # The client takes the shape of the file for granted.
        raise UnreachableError(_unusable(path, "it is not shaped like one")) from error
    except (config.ConfigException, yaml.YAMLError, OSError, ValueError) as error:
        raise UnreachableError(_unusable(path, _first_line(error))) from error


def _unusable(path: str | None, problem: str) -> str:
    source = f"Kubeconfig {path}" if path else "The service account of this pod"
    return (
        f"{source} does not lead to a cluster ({problem}): correct it, or name another in "
        "[cluster] kubeconfig and context."
    )


def _kubeconfig(settings: ClusterSettings) -> str | None:
    """Which file, or list of files as KUBECONFIG has it; None: the pod's own service account."""
    if settings.kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:
        return None
    named = str(settings.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config")
    paths = [Path(each).expanduser() for each in named.split(os.pathsep)]
    joined = os.pathsep.join(str(path) for path in paths)
    if not any(path.is_file() for path in paths):
        raise UnreachableError(
            f"Kubeconfig {joined} does not exist: run `make cluster`, or name another in "
            "[cluster] kubeconfig."
        )
    return joined


async def ask_cluster(settings: ClusterSettings) -> ClusterFacts:
    """Ask the API server for its version and identity.

    It has no deadline of its own: give it one with ``asyncio.timeout``. Raises
    UnreachableError.
    """
    async with await connect(settings) as api:
        address = urlsplit(api.configuration.host)
        host, port = address.hostname or "", address.port or 443
        try:
            version = await client.VersionApi(api).get_code()
            system = await client.CoreV1Api(api).read_namespace("kube-system")
        except client.ApiException as error:
            raise UnreachableError(_refusal(host, port, error)) from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise UnreachableError(
                why("The API server", host, port, error.certificate_error)
            ) from error
        except aiohttp.ClientConnectorError as error:
            raise UnreachableError(why("The API server", host, port, error.os_error)) from error
        except aiohttp.ClientConnectionError as error:
            raise UnreachableError(
                f"The API server at {host}:{port} broke the connection off: see its log."
            ) from error
        except (aiohttp.ClientError, ValueError) as error:
            raise UnreachableError(
                f"What listens at {host}:{port} is no API server: correct the kubeconfig."
            ) from error
    identity = system.metadata.uid if system.metadata else None
    if identity is None:
        raise UnreachableError(f"The API server at {host}:{port} gives kube-system no UID.")
    return ClusterFacts(version=version.git_version, identity=identity)


def _refusal(host: str, port: int, error: client.ApiException) -> str:
    where = f"The API server at {host}:{port}"
    if error.status == UNAUTHORIZED:
        return f"{where} does not know us: renew the credentials in the kubeconfig."
    if error.status == FORBIDDEN:
        return f"{where} does not let us read namespace kube-system: grant get on it."
    return f"{where} answers with status {error.status}: see its log, and try again."


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
