"""Answers calls that nobody serves: 501 for an operation of AWS's, 404 for none. Pure."""

from __future__ import annotations

from emulator.api.services.calls import ServiceError

_FAMILIES = {
    "Durable": "durable functions are",
    "CapacityProvider": "Lambda Managed Instances are",
    "Microvm": "Lambda MicroVMs are",
    "WebFunction": "Lambda Web Functions are",
    "WebAccount": "Lambda Web Functions are",
    "NetworkConnector": "network connectors are",
    "Runtime": "customer-managed runtimes are",
}
"""Parts of operations' names, and what is left out as a whole."""


def not_emulated(operation: str) -> ServiceError:
    """Returns the error of an operation that AWS has and the emulator has not."""
    whole = next((what for part, what in _FAMILIES.items() if part in operation), "")
    reason = f": {whole} left out" if whole else ""
    return ServiceError("NotImplementedException", f"{operation} is not emulated{reason}.", 501)


def no_operation() -> ServiceError:
    """Returns the error of a request that asks for no operation of AWS's."""
    return ServiceError("UnknownOperationException", "No operation of AWS's is asked for.", 404)
