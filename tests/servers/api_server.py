"""A stand-in for the API server that answers as told: for errors that a real one rarely gives."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Answers = Mapping[str, tuple[int, str]]
"""Path to status and body; every other path is answered 404."""

Serve = Callable[[Answers, ssl.SSLContext | None], Awaitable[str]]
"""Start one more server; returns its address."""


@asynccontextmanager
async def serving() -> AsyncIterator[Serve]:
    running: list[TestServer] = []

    async def start(answers: Answers, tls: ssl.SSLContext | None) -> str:
        async def answer(request: web.Request) -> web.Response:
            status, body = answers.get(request.path, (404, "{}"))
            return web.Response(status=status, text=body, content_type="application/json")

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        server = TestServer(app)
        await server.start_server(ssl=tls)
        running.append(server)
        return str(server.make_url("")).rstrip("/")

    yield start
    for server in running:
        await server.close()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
"""Answers whatever is asked."""


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[str]:
    """Yield the address of a server whose answers depend on what was asked before."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def self_signed(directory: Path) -> ssl.SSLContext:
    """Make a certificate for 127.0.0.1 that nobody has reason to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stub")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = directory / "cert.pem", directory / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    return context
