"""The study through AWS's doors: deployed by boto3 alone, called with signatures.

Code and model are in S3; one role may call the function, another may only look at it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from emulator.cli import main
from emulator.experiments.runner.model_upload import zipped as zipped_folder
from tests.api.auth.study_by_api import (
    ACCOUNT,
    BUCKET,
    EXECUTION_ROLE,
    Study,
    invoked,
    logged,
    measured,
    statement_for,
    statement_for_all,
    until,
    zipped,
)
from tests.docker_engine import images_called, require_docker
from tests.emulator_process import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = Path(__file__).parents[3] / "functions"
BOTO3 = (FUNCTIONS / "models" / "requirements.txt").read_bytes()
CODE = b"""\
import json, os
import boto3

def handler(event, context):
    s3, bucket = boto3.client("s3"), os.environ["MODEL_BUCKET"]
    if "detail" in event:
        print("event", event["detail-type"])
        return None
    if "Records" in event:
        print("of bucket", event["Records"][0]["s3"]["bucket"]["name"])
        return None
    if "who" in event:
        return boto3.client("sts").get_caller_identity()["Arn"]
    if "drop" in event:
        try:
            s3.delete_object(Bucket=bucket, Key="model")
        except Exception as error:
            return str(error)
    model = json.loads(s3.get_object(Bucket=bucket, Key="model")["Body"].read())
    score = model["bias"] + sum(w * x for w, x in zip(model["weights"], event["features"]))
    print("scored", score)
    return {"score": score}
"""
MODEL = json.dumps({"bias": 1.0, "weights": [2.0, -1.0]}).encode()
LOOK = ("logs:FilterLogEvents", "cloudwatch:GetMetricData")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    state = tmp_path_factory.mktemp("study") / "state"
    options = ("--backend", "process", "--auth", "strict", "--host-memory", "4096")
    with Emulator(Path("none"), state, *options) as emulator:
        assert any(f"the root's access key is in {state}" in line for line in emulator.lines)
        here = Study(emulator.url, state)
        here.prepare(model=MODEL, code=zipped({"app.py": CODE, "requirements.txt": BOTO3}))
        yield here


@pytest.fixture(scope="module")
def linear(study: Study) -> str:
    variables = {"MODEL_BUCKET": BUCKET}
    study.deploy("linear", "code", MemorySize=512, Timeout=30, Environment={"Variables": variables})
    return "linear"


def test_role_that_may_calls_and_the_other_is_told_why_not(study: Study, linear: str) -> None:
    may = study.role("predictor", statement_for(linear, "lambda:InvokeFunction"))
    may_not = study.role("watcher", statement_for_all(*LOOK))
    predictor, watcher = study.client("lambda", may), study.client("lambda", may_not)
    for features, score in (([1, 1], 2.0), ([3, 1], 6.0)):
        assert invoked(predictor, linear, {"features": features}) == {"score": score}
    with pytest.raises(ClientError) as refused:
        watcher.invoke(FunctionName=linear, Payload=b"{}")
    assert str(refused.value) == (
        "An error occurred (AccessDeniedException) when calling the Invoke operation (reached max "
        f"retries: 0): User: arn:aws:sts::{ACCOUNT}:assumed-role/watcher/study is not authorized "
        "to perform: lambda:InvokeFunction on resource: "
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{linear} because no identity-based policy "
        "allows the lambda:InvokeFunction action"
    )
    logs, metrics = study.client("logs", may_not), study.client("cloudwatch", may_not)
    assert until(lambda: len(logged(logs, linear, "scored")) == 2)
    assert [line.strip() for line in logged(logs, linear, "scored")] == ["scored 2.0", "scored 6.0"]
    assert until(lambda: len(logged(logs, linear, '"REPORT RequestId"')) == 2)
    assert until(lambda: measured(metrics, linear, "Invocations") == 2)
    assert measured(metrics, linear, "Errors") == 0
    assert 0 < measured(metrics, linear, "Duration", "Maximum") < 30_000
    with pytest.raises(ClientError, match="not authorized to perform: cloudwatch:GetMetricData"):
        measured(study.client("cloudwatch", may), linear, "Invocations")


def test_testbed_invoke_signs_as_the_aws_cli_does(
    study: Study,
    linear: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    words = ["invoke", linear, "--url", study.url, "--payload", '{"features": [1, 1]}']
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    assert main(words) != 0
    assert "wants signed calls (--auth strict)" in capsys.readouterr().err
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(study.credentials))
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == {"score": 2.0}


def test_bucket_invokes_the_function_whose_policy_lets_it(study: Study, linear: str) -> None:
    s3, client, logs = study.client("s3"), study.client("lambda"), study.client("logs")
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{linear}"
    for bucket in ("let-in", "kept-out"):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration={
                "LambdaFunctionConfigurations": [
                    {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
                ]
            },
        )
    client.add_permission(
        FunctionName=linear,
        StatementId="bucket",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::let-in",
        SourceAccount=ACCOUNT,
    )
    s3.put_object(Bucket="kept-out", Key="object", Body=b"1")
    s3.put_object(Bucket="let-in", Key="object", Body=b"1")
    assert until(lambda: len(logged(logs, linear, '"of bucket let-in"')) == 1)
    assert not logged(logs, linear, '"of bucket kept-out"')


def test_rule_is_known_by_its_arn_and_not_by_what_an_event_says(study: Study, linear: str) -> None:
    events, client, logs = study.client("events"), study.client("lambda"), study.client("logs")
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{linear}"
    rules = {}
    for kind in ("let-in", "kept-out"):
        pattern = json.dumps({"detail-type": [kind]})
        rules[kind] = events.put_rule(Name=kind, EventPattern=pattern)["RuleArn"]
        events.put_targets(Rule=kind, Targets=[{"Id": "f", "Arn": arn}])
    client.add_permission(
        FunctionName=linear,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rules["let-in"],
    )
    for kind in ("kept-out", "let-in"):
        entry = {"Source": "my.app", "DetailType": kind, "Detail": "{}"}
        events.put_events(Entries=[entry | {"Resources": [rules["let-in"]]}])
    assert until(lambda: len(logged(logs, linear, '"event let-in"')) == 1)
    assert not logged(logs, linear, '"event kept-out"')


def test_stack_makes_its_functions(study: Study) -> None:
    pytest.importorskip("samtranslator", reason="needs [cloudformation]")
    pytest.importorskip("openapi_spec_validator", reason="needs [cloudformation]")
    template = {
        "Resources": {
            "Echo": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": "of-a-stack",
                    "Runtime": "python3.13",
                    "Handler": "index.handler",
                    "Role": EXECUTION_ROLE,
                    "Code": {"ZipFile": "def handler(event, context): return event"},
                },
            }
        }
    }
    study.client("cloudformation").create_stack(
        StackName="of-functions", TemplateBody=json.dumps(template)
    )
    client = study.client("lambda")
    client.get_waiter("function_active_v2").wait(
        FunctionName="of-a-stack", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    assert invoked(client, "of-a-stack", {"a": 1}) == {"a": 1}


def test_code_is_its_functions_role_and_no_more(study: Study, linear: str) -> None:
    client = study.client("lambda")
    assert invoked(client, linear, {"who": 1}) == (
        f"arn:aws:sts::{ACCOUNT}:assumed-role/study-function/{linear}"
    )
    told = invoked(client, linear, {"drop": 1})
    assert "AccessDenied" in told
    assert "not authorized to perform: s3:DeleteObject" in told


@pytest.mark.docker
@pytest.mark.tensorflow
def test_studys_own_function_reads_its_model_from_s3(tmp_path: Path) -> None:
    """Its package is too large for a zip, as on Lambda, so that the code is an image."""
    require_docker()
    images = images_called("serverless-testbed/kdd99-tf")
    if not images:
        pytest.skip("no image of functions/study.yaml: testbed up builds it")
    name, model = "kdd99-tf", FUNCTIONS / "kdd99" / "layer" / "kdd99"
    options = ("--backend", "docker", "--auth", "strict", "--host-memory", "4096")
    with Emulator(Path("none"), tmp_path / "state", *options) as emulator:
        study = Study(emulator.url, tmp_path / "state")
        study.prepare(**{"kdd99-tf.zip": zipped_folder(model)})
        variables = {"MODEL_LOADING": "s3-first-request", "MODEL_BUCKET": BUCKET}
        study.deploy_image(
            name, images[0], MemorySize=1769, Timeout=60, Environment={"Variables": variables}
        )
        may = study.role("predictor", statement_for(name, "lambda:InvokeFunction"))
        may_not = study.role("watcher", statement_for_all(*LOOK))
        record = json.loads((FUNCTIONS / "kdd99" / "sample.json").read_text())
        answer = invoked(study.client("lambda", may), name, record)
        assert answer["model"] == name
        assert len(answer["predictions"]) == len(record["records"])
        with pytest.raises(ClientError, match="not authorized to perform: lambda:InvokeFunction"):
            study.client("lambda", may_not).invoke(FunctionName=name, Payload=b"{}")
        logs, metrics = study.client("logs", may_not), study.client("cloudwatch", may_not)
        assert until(lambda: len(logged(logs, name, '"REPORT RequestId"')) == 1)
        assert until(lambda: measured(metrics, name, "Invocations") == 1)
