"""The one entry point of the image: `shop <role>`.

A role imports only what it needs, so that a process stays small; hence the
table of module names instead of imports.
"""

import importlib
import sys

from shop import logs
from shop.clock import create_skew_file

SERVICES = (
    "auth",
    "cart",
    "catalog",
    "checkout",
    "payment",
    "recommendation",
    "reports",
    "shipping",
    "storefront",
)
JOBS = ("clean-volume", "refresh-token")


def main() -> None:
    """Run the role that the command line names until it ends or is told to stop."""
    role = sys.argv[1] if len(sys.argv) == 2 else ""  # noqa: PLR2004 -- program and role
    if role not in SERVICES + JOBS:
        sys.exit(f"usage: shop <role>, one of: {', '.join(SERVICES + JOBS)}")
    logs.configure()
    create_skew_file()
    package = "services" if role in SERVICES else "jobs"
    importlib.import_module(f"shop.{package}.{role.replace('-', '_')}").run()
