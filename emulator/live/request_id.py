"""Makes request ids, as Lambda has them: UUIDs of version 4 (RFC 9562, section 5.4)."""

from __future__ import annotations

import random

_bits = random.getrandbits  # an id, no secret; uuid4 asks the kernel each time, and takes 4 us
_VERSION_AND_VARIANT = 0x4000_8000_0000_0000_0000
_FREE = ~0xF000_C000_0000_0000_0000


def new_request_id() -> str:
    """Returns a UUID that no other invocation has."""
    digits = f"{_bits(128) & _FREE | _VERSION_AND_VARIANT:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
