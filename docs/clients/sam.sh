#!/usr/bin/env bash
# sam deploy, through CloudFormation: made, called through its API, changed, deleted.
cd "$(dirname "$0")/sam" || exit
. ../transcript.sh
export SAM_CLI_TELEMETRY=0
trap 'rm -f out.json' EXIT

deploy() {
    show sam deploy --template template.yaml --stack-name hello --s3-bucket sam-code \
        --capabilities CAPABILITY_IAM --no-confirm-changeset "$@"
}
show sam --version
show aws s3 mb s3://sam-code
deploy | grep -e '^\$' -e '^[+*-] ' -e '_COMPLETE' -e '^Key' -e '^Value' -e Success -e Error
show aws lambda invoke --function-name hello-sam:live --payload '{"a": 1}' --output text out.json
show curl -s "$AWS_ENDPOINT_URL/hello" -d hi | head -c 120
echo
deploy --parameter-overrides Memory=512 |
    grep -e '^\$' -e '^[+*-] ' -e '_COMPLETE' -e Success -e Error
show aws lambda get-alias --function-name hello-sam --name live --query FunctionVersion --output text
show aws lambda get-function-configuration --function-name hello-sam --query MemorySize
show sam delete --stack-name hello --no-prompts | tail -3
show aws lambda list-functions --query 'Functions[].FunctionName'
