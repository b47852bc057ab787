"""Signs a call with the user's credentials, as the AWS CLI finds them."""

from __future__ import annotations

import os

_REGION = "us-east-1"
"""Region where the user names none; the emulator's default too."""


def signed_headers(method: str, url: str, body: bytes) -> dict[str, str]:
    """Returns the headers of a signed call of Lambda's API; empty where there are no credentials.

    Source: botocore's own search (environment, files, profiles).
    """
    # slow to import, and needed under `--auth strict` alone
    import botocore.session  # noqa: PLC0415
    from botocore.auth import SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415

    credentials = botocore.session.get_session().get_credentials()
    if credentials is None:
        return {}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or _REGION
    request = AWSRequest(
        method=method, url=url, data=body, headers={"content-type": "application/json"}
    )
    SigV4Auth(credentials, "lambda", region).add_auth(request)
    return {str(name): str(value) for name, value in request.headers.items()}
