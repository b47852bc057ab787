from __future__ import annotations

import pytest

from emulator.core.asynchronous.lineage import EndlessChainError, continued, function_hash

A = "arn:aws:lambda:us-east-1:123456789012:function:a"
B = "arn:aws:lambda:us-east-1:123456789012:function:b"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"


def test_first_invocation_of_a_chain_is_counted_from_zero() -> None:
    assert continued(TRACE, A, 16) == f"{TRACE};Lineage=1:{function_hash(A)}:0"
    assert continued("", A, 16) == f"Lineage=1:{function_hash(A)}:0"


def test_seventeenth_invocation_in_a_chain_is_a_loop() -> None:
    trace = TRACE
    for _ in range(16):
        trace = continued(trace, A, 16)
    assert trace.endswith(f"Lineage=1:{function_hash(A)}:15")
    with pytest.raises(EndlessChainError):
        continued(trace, A, 16)


def test_functions_of_one_chain_are_counted_apart() -> None:
    trace = continued(continued(continued(TRACE, A, 16), B, 16), A, 16)
    assert trace == f"{TRACE};Lineage=1:{function_hash(A)}:1|{function_hash(B)}:0"


def test_separator_that_an_sdk_quoted_is_read() -> None:
    trace = continued(continued(TRACE, A, 16), B, 16).replace("|", "%7C")
    assert continued(trace, B, 16).endswith(f"{function_hash(A)}:0|{function_hash(B)}:1")


def test_versions_of_a_function_are_counted_together() -> None:
    assert function_hash(f"{A}:7") == function_hash(A) != function_hash(B)


def test_nothing_is_counted_where_there_is_no_limit() -> None:
    assert continued(TRACE, A, 0) == TRACE


@pytest.mark.parametrize("field", ["Lineage=", "Lineage=x", "Lineage=1:2", "Lineage=a:-1|b:²|:"])
def test_malformed_lineage_begins_anew(field: str) -> None:
    assert continued(f"Root=1;{field}", A, 16).endswith(f"{function_hash(A)}:0")
