#!/usr/bin/env bash
# sam deploy, through CloudFormation; and the same template by testbed deploy, without.
cd "$(dirname "$0")/sam" || exit
. ../transcript.sh
export SAM_CLI_TELEMETRY=0

show sam --version
show aws s3 mb s3://sam-code
show sam deploy --template template.yaml --stack-name hello --s3-bucket sam-code \
    --capabilities CAPABILITY_IAM --no-confirm-changeset --no-fail-on-empty-changeset | tail -40
show aws cloudformation describe-stack-events --stack-name hello \
    --query 'StackEvents[].[LogicalResourceId,ResourceStatus,ResourceStatusReason]' --output text
show aws lambda invoke --function-name hello-sam --payload '{"a": 1}' --output text out.json
rm -f out.json
