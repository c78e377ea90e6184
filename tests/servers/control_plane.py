"""A real etcd, kube-apiserver and kube-controller-manager on loopback ports: a cluster of no nodes.

The programs are the ones of the testbed's own images; `make test-servers` has them built once.
RBAC is on; ``ADMIN`` may do everything, other tokens are given to ``control_plane``.
"""

import datetime as dt
import http.client
import ipaddress
import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ooda.testbed.images.laboratory import CONTROL_PLANE_PROGRAMS, Laboratory, laboratory
from ooda.testbed.layout import layout
from ooda.testbed.pins import read_pins
from ooda.testbed.progress import Steps
from servers.processes import ServerMissingError, accepts_connections, free_port, wait_until

ADMIN = "token-of-the-admin"
ALICE, NAMESAKE, MIGHTY = "token-of-alice", "token-of-a-namesake", "token-of-a-mighty-actor"
MIGHTY_INJECTOR, MIGHTY_REAPER = "token-of-a-mighty-injector", "token-of-a-mighty-reaper"
MIGHTY_FAULT_AGENT = "token-of-a-mighty-fault-agent"
TOKENS: Mapping[str, Sequence[str]] = {
    ALICE: ("alice", "people"),
    NAMESAKE: ("system:serviceaccount:elsewhere:actor", "people"),
    MIGHTY: ("system:serviceaccount:ooda-system:actor", "system:masters"),
    MIGHTY_INJECTOR: ("system:serviceaccount:ooda-system:injector", "system:masters"),
    MIGHTY_REAPER: ("system:serviceaccount:ooda-system:reaper", "system:masters"),
    MIGHTY_FAULT_AGENT: (
        "system:serviceaccount:ooda-fault-agent:fault-agent",
        "system:masters",
    ),
}
"""A person; an account of the same name as the actor's elsewhere; and the names of those who write,
with every right that RBAC can give, so that only admission is left to refuse them something."""
_CONTROLLERS = (
    "deployment-controller,replicaset-controller,namespace-controller,"
    "garbage-collector-controller,disruption-controller,endpointslice-controller,"
    "statefulset-controller,daemonset-controller,job-controller,resourcequota-controller"
)
_CRDS = Path(__file__).parents[2] / "k8s/base/crds"
_START = 40.0  # seconds; a busy machine takes its time


@dataclass
class ControlPlane:
    """A running control plane; the API server can be stopped and started with the same data."""

    programs: Path
    directory: Path
    port: int
    etcd_port: int
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Return the address of the API server."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def admin_token(self) -> str:
        """Return the token of who may do everything."""
        return ADMIN

    @property
    def trust(self) -> ssl.SSLContext:
        """Return what trusts its certificate."""
        return ssl.create_default_context(cafile=str(self.directory / "tls.crt"))

    @property
    def serving(self) -> ssl.SSLContext:
        """Return what serves on loopback with its certificate, as a kubelet would."""
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        made.load_cert_chain(self.directory / "tls.crt", self.directory / "tls.key")
        return made

    def kubeconfig(self, name: str, token: str = ADMIN, server: str | None = None) -> Path:
        """Write a kubeconfig for a token, by way of another address if one is given."""
        path = self.directory / f"{name}.kubeconfig"
        secure = server is None or server.startswith("https")
        trust = {"certificate-authority": str(self.directory / "tls.crt")} if secure else {}
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "c", "cluster": {"server": server or self.url} | trust}],
                    "users": [{"name": "u", "user": {"token": token}}],
                    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                    "current-context": "x",
                }
            )
        )
        return path

    def start_api_server(self) -> None:
        """Start the API server and wait until it is ready."""
        self._run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            f"--tls-cert-file={self.directory / 'tls.crt'}",
            f"--tls-private-key-file={self.directory / 'tls.key'}",
            f"--token-auth-file={self.directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={self.directory / 'sa.key'}",
            f"--service-account-key-file={self.directory / 'sa.key'}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--disable-admission-plugins=ServiceAccount",
            "--shutdown-delay-duration=0s",
        )
        wait_until(lambda: self._answers("/readyz"), "the API server", _START)

    def stop_api_server(self) -> None:
        """Kill the API server, as a crash would; its data stay in etcd."""
        process = self.running.pop("kube-apiserver")
        process.kill()
        process.wait()

    def back_up(self) -> None:
        """Keep a copy of etcd's data; the API server restarts."""
        self.stop_api_server()
        self._stop_etcd()
        shutil.copytree(self.directory / "etcd", self.directory / "backup")
        self._start_etcd()
        self.start_api_server()

    def restore(self) -> None:
        """Go back to the copy: versions that were given out since then will be given out again."""
        self.stop_api_server()
        self._stop_etcd()
        shutil.rmtree(self.directory / "etcd")
        (self.directory / "backup").rename(self.directory / "etcd")
        self._start_etcd()
        self.start_api_server()

    def advance(self, versions: int) -> None:
        """Let etcd go so many resource versions on."""
        for _ in range(versions):
            self._etcd("/v3/kv/put", {"key": "YQ==", "value": "YQ=="})

    def compact(self) -> None:
        """Have etcd forget all but the present: watches from before are answered 410."""
        revision = self._etcd("/v3/kv/range", {"key": "AA=="})["header"]["revision"]
        self._etcd("/v3/kv/compaction", {"revision": revision, "physical": True})

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as the admin; raises CalledProcessError."""
        config = self.directory / "admin.kubeconfig"
        if not config.exists():  # written once: others may be reading it
            self.kubeconfig("admin")
        done = subprocess.run(
            [self.programs / "kubectl", "--kubeconfig", config, *arguments],
            input=stdin, capture_output=True, text=True, check=True, timeout=30,
        )  # fmt: skip
        return done.stdout

    def teach(self) -> None:
        """Have it know our own kinds of object, and wait until it does."""
        self.kubectl("apply", "-k", str(_CRDS))
        self.kubectl("wait", "--for=condition=Established", "crd", "--all")

    def start(self) -> None:
        """Start everything."""
        self._start_etcd()
        self.start_api_server()
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig('controller-manager')}",
            f"--controllers={_CONTROLLERS}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={free_port()}",
            f"--cert-dir={self.directory / 'controller-manager'}",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )

    def stop(self) -> None:
        """End everything."""
        for process in reversed(self.running.values()):
            process.kill()
            process.wait()

    def _start_etcd(self) -> None:
        self._run(
            "etcd",
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{self.etcd_port}",
            f"--advertise-client-urls=http://127.0.0.1:{self.etcd_port}",
            f"--listen-peer-urls=http://127.0.0.1:{free_port()}",
            "--unsafe-no-fsync",
        )
        wait_until(lambda: accepts_connections(self.etcd_port), "etcd", _START)

    def _stop_etcd(self) -> None:
        """End etcd in good order: what it wrote is whole."""
        self.running["etcd"].terminate()
        self.running.pop("etcd").wait()

    def _run(self, program: str, *arguments: str) -> None:
        with (self.directory / f"{program}.log").open("ab") as log:
            self.running[program] = subprocess.Popen(
                [self.programs / program, *arguments], stdout=log, stderr=log
            )

    def _answers(self, path: str) -> bool:
        process = self.running["kube-apiserver"]
        if process.poll() is not None:
            raise AssertionError((self.directory / "kube-apiserver.log").read_text()[-3000:])
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.trust)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {ADMIN}"})
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()

    def _etcd(self, path: str, body: Mapping[str, object]) -> dict[str, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.etcd_port)
        connection.request("POST", path, json.dumps(body))
        answer: dict[str, dict[str, str]] = json.loads(connection.getresponse().read())
        connection.close()
        return answer


@contextmanager
def control_plane(
    directory: Path, tokens: Mapping[str, Sequence[str]] | None = None
) -> Iterator[ControlPlane]:
    """Yield a control plane; ``tokens`` maps a token to user name and groups."""
    programs = _programs(directory)
    _certificate(directory)
    lines = [f"{ADMIN},admin,admin,system:masters"]
    for token, (user, *groups) in (tokens or {}).items():
        lines.append(f'{token},{user},{user},"{",".join(groups)}"')
    (directory / "tokens.csv").write_text("\n".join(lines) + "\n")
    plane = ControlPlane(programs, directory, free_port(), free_port())
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


def _programs(directory: Path) -> Path:
    """Give the one program its names, by which it knows which component it is."""
    folder = directory / "bin"
    folder.mkdir()
    made = layout()
    lab = laboratory(made, read_pins(made.images), Steps(made.logs))
    etcd, kube = (_built(lab, name) for name in CONTROL_PLANE_PROGRAMS)
    for name in ("kube-apiserver", "kube-controller-manager", "kubectl"):
        (folder / name).symlink_to(kube)
    (folder / "etcd").symlink_to(etcd)
    return folder


def _built(lab: Laboratory, name: str) -> Path:
    """Return a program that was built before; a test is no place for minutes of building."""
    found = lab.built(name)
    if found is None:
        raise ServerMissingError(f"{name} is not built: run `make test-servers`.")
    return found


def _certificate(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    for file, private in (
        ("tls.key", key),
        ("sa.key", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    ):
        (directory / file).write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
