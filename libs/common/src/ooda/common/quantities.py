"""Amounts as Kubernetes writes them (``resource.Quantity``): memory in bytes, CPU in thousandths.

Pure.
"""

import re
from fractions import Fraction
from typing import Any

MIB = 1024 * 1024

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(?:[eE]([+-]?\d{1,2})|([KMGTPE]i|[mkMGTPE])?)")
_BINARY = {suffix + "i": 1024**power for power, suffix in enumerate("KMGTPE", start=1)}
_DECIMAL = {suffix: 1000**power for power, suffix in enumerate("kMGTPE", start=1)}
_FACTORS = _BINARY | _DECIMAL | {"m": Fraction(1, 1000)}


def bytes_of(quantity: Any) -> int | None:
    """Return the whole bytes of a quantity; None if it is none, or not above zero."""
    return _whole(quantity, 1)


def millicores_of(quantity: Any) -> int | None:
    """Return the whole thousandths of a CPU; None if it is no quantity, or not above zero."""
    return _whole(quantity, 1000)


def _whole(quantity: Any, times: int) -> int | None:
    if not isinstance(quantity, str | int) or isinstance(quantity, bool):
        return None
    found = _QUANTITY.fullmatch(str(quantity))
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    factor = Fraction(10) ** int(exponent) if exponent else _FACTORS.get(suffix or "", 1)
    size = int(Fraction(number) * factor * times)
    return size if size > 0 else None


def in_mebibytes(size: int) -> str:
    """Return bytes as a quantity in whole MiB, rounded up."""
    return f"{-(-size // MIB)}Mi"
