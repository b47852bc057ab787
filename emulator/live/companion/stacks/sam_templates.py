"""Templates of AWS SAM, translated as CloudFormation's macro AWS::Serverless does."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from moto.iam.aws_managed_policies import aws_managed_policies_data
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

if TYPE_CHECKING:
    from collections.abc import Mapping

_MACRO = "AWS::Serverless-2016-10-31"


def translated(
    template: dict[str, Any], parameters: Mapping[str, Any], region: str
) -> dict[str, Any]:
    """Returns the template with the resources that SAM's become; any other template as it is.

    Raises:
        samtranslator.model.exceptions.InvalidDocumentException: SAM refuses the template.
    """
    if not _uses_sam(template):
        return template
    defaults = {
        name: described["Default"]
        for name, described in template.get("Parameters", {}).items()
        if "Default" in described
    }
    translator = Translator(
        _managed_policies(), Parser(), boto_session=boto3.Session(region_name=region)
    )
    found = translator.translate(template, defaults | dict(parameters))
    found.pop("Transform", None)
    return dict(found)


def _uses_sam(template: Mapping[str, Any]) -> bool:
    stated = template.get("Transform", ())
    return _MACRO in ([stated] if isinstance(stated, str) else stated)


@cache
def _managed_policies() -> dict[str, str]:
    """Returns the ARNs of AWS's own policies by their names."""
    return {
        name: f"arn:aws:iam::aws:policy{policy.get('Path') or '/'}{name}"
        for name, policy in json.loads(aws_managed_policies_data).items()
    }
