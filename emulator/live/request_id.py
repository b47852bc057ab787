"""Makes request ids, as Lambda has them: UUIDs of version 4 (RFC 9562, section 5.4), and traces."""

from __future__ import annotations

import random
import time

_bits = random.getrandbits  # an id, no secret; uuid4 asks the kernel each time, and takes 4 us
_VERSION_AND_VARIANT = 0x4000_8000_0000_0000_0000
_FREE = ~0xF000_C000_0000_0000_0000


def new_request_id() -> str:
    """Returns a UUID that no other invocation has."""
    digits = f"{_bits(128) & _FREE | _VERSION_AND_VARIANT:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def new_trace() -> str:
    """Returns an X-Ray trace with root and parent, of which nothing is sampled.

    Source: the X-Ray developer guide, "Tracing header".
    """
    chance = f"{_bits(160):040x}"
    return f"Root=1-{int(time.time()):08x}-{chance[:24]};Parent={chance[24:]};Sampled=0"
