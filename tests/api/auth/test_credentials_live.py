"""A sandbox has credentials that name its function's role, also where nobody asks for rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3

from tests.api.auth.study_by_api import ACCOUNT, REGION, invoked
from tests.emulator_process import Emulator, write_template

if TYPE_CHECKING:
    from pathlib import Path

CODE = """\
import os
NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
def handler(event, context):
    return [os.environ[name] for name in NAMES]
"""


def test_identity_in_a_sandbox_is_the_functions_role(tmp_path: Path) -> None:
    template = write_template(tmp_path)
    (tmp_path / "code" / "app.py").write_text(CODE)
    with Emulator(template, tmp_path / "state", "--backend", "process") as emulator:
        where = {"endpoint_url": emulator.url, "region_name": REGION}
        any_keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
        access, secret, token = invoked(boto3.client("lambda", **where, **any_keys), "echo", {})
        sts = boto3.client(
            "sts",
            **where,
            aws_access_key_id=access,
            aws_secret_access_key=secret,
            aws_session_token=token,
        )
        told = sts.get_caller_identity()
    assert told["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/testbed/echo"
    assert told["Account"] == ACCOUNT
