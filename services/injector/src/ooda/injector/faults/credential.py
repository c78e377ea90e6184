"""The fault of a password that was rotated, and that its user does not know of. Pure."""

from collections.abc import Mapping

from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import RotateStep, Step
from ooda.common.plans import ObjectRef
from ooda.injector.faults.scene import NotApplicableError, Scene


class Credential:
    """Another password for the account that the target has at a database."""

    reads = frozenset({Kind.POD, Kind.SERVICE})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault. That the target holds the old password, and how, is read from its template."""
        held = _held_by(scene, parameters["secret"], parameters["password_key"])
        if not held:
            raise NotApplicableError(
                f"no variable of its first container is {parameters['password_key']} "
                f"of Secret {parameters['secret']}"
            )
        address, port = _place(scene, parameters["service"])
        return (
            RotateStep(
                object=_secret(scene, parameters["secret"]),
                username_key=parameters["username_key"],
                password_key=parameters["password_key"],
                address=address,
                port=port,
                admin=_secret(scene, parameters["admin_secret"]),
                admin_role=parameters["admin_role"],
                admin_key=parameters["admin_key"],
                knowing=tuple(str(each["metadata"]["uid"]) for each in scene.pods()),
            ),
        )


def _held_by(scene: Scene, secret: str, key: str) -> bool:
    wanted = [
        (each.get("valueFrom") or {}).get("secretKeyRef") or {}
        for each in scene.container.get("env") or ()
    ]
    return any((each.get("name"), each.get("key")) == (secret, key) for each in wanted)


def _place(scene: Scene, name: str) -> tuple[str, int]:
    for service in scene.objects[Kind.SERVICE]:
        spec = service["spec"]
        address, ports = spec.get("clusterIP"), spec.get("ports")
        if service["metadata"]["name"] == name and address not in (None, "", "None") and ports:
            return str(address), int(ports[0]["port"])
    raise NotApplicableError(f"there is no Service {name} with an address of its own")


def _secret(scene: Scene, name: str) -> ObjectRef:
    """Return a Secret by name: none is read to plan. What it says is the guard of every write."""
    return ObjectRef(kind=Kind.SECRET, namespace=scene.namespace, name=name, uid="")
