#!/usr/bin/env bash
# The AWS CLI against a running emulator: a function's life, its log and its metrics.
cd "$(dirname "$0")" || exit
. ./transcript.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd hello && python3 -m zipfile -c "$work/hello.zip" app.py)
cp hello/app.py "$work"
cd "$work" || exit

show aws --version
show aws lambda create-function --function-name hello --runtime python3.13 --handler app.handler \
    --role arn:aws:iam::123456789012:role/any --zip-file fileb://hello.zip \
    --query '[FunctionArn,State,CodeSize]' --output text
show aws lambda wait function-active-v2 --function-name hello
answer=$(show aws lambda invoke --function-name hello --payload '{"a": 1}' --log-type Tail \
    --query LogResult --output text out.json)
head -1 <<<"$answer"
tail -1 <<<"$answer" | base64 -d
show cat out.json
echo
show aws lambda update-function-configuration --function-name hello --memory-size 20480
show aws lambda update-function-configuration --function-name hello --memory-size 512 \
    --environment 'Variables={MODE=fast}' --query '[MemorySize,LastUpdateStatus]' --output text
show aws lambda wait function-updated-v2 --function-name hello
show aws lambda publish-version --function-name hello --query Version --output text
show aws lambda create-alias --function-name hello --name live --function-version 1 \
    --query AliasArn --output text
show aws lambda invoke --function-name hello:live --payload '{}' --query ExecutedVersion \
    --output text out.json
show aws lambda invoke --function-name hello --invocation-type Event --payload '{"later": true}' \
    --query StatusCode --output text out.json
show aws lambda put-function-concurrency --function-name hello \
    --reserved-concurrent-executions 5 --output text
show aws lambda put-function-event-invoke-config --function-name hello \
    --maximum-retry-attempts 1 --query MaximumRetryAttempts --output text
show aws lambda add-permission --function-name hello --statement-id s3 \
    --action lambda:InvokeFunction --principal s3.amazonaws.com --query Statement --output text
url=$(aws lambda create-function-url-config --function-name hello --auth-type NONE \
    --query FunctionUrl --output text)
show curl -s "$url" -d '{"by": "url"}' | head -c 300
echo
show aws lambda publish-layer-version --layer-name extra --zip-file fileb://hello.zip \
    --query LayerVersionArn --output text
show aws lambda update-function-configuration --function-name hello \
    --layers arn:aws:lambda:us-east-1:123456789012:layer:extra:1 --query 'Layers[].Arn' --output text
show aws lambda tag-resource --resource arn:aws:lambda:us-east-1:123456789012:function:hello \
    --tags team=a
show aws lambda list-functions --query 'Functions[].[FunctionName,MemorySize]' --output text
show aws lambda get-account-settings --query AccountUsage --output json
show aws logs describe-log-groups --query 'logGroups[].logGroupName' --output text
# version 1 has no `aws logs tail`; what version 2 calls for it is filter-log-events
show aws logs filter-log-events --log-group-name /aws/lambda/hello --filter-pattern hello \
    --query 'events[].message' --output text | cut -c1-200
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
ago=$(date -u -d '-10 minutes' +%Y-%m-%dT%H:%M:%SZ)
show aws cloudwatch get-metric-statistics --namespace AWS/Lambda --metric-name Invocations \
    --dimensions Name=FunctionName,Value=hello --start-time "$ago" --end-time "$now" \
    --period 600 --statistics Sum --query 'Datapoints[].Sum' --output text
show aws lambda list-capacity-providers
show aws lambda delete-function --function-name hello
show aws lambda get-function --function-name hello
