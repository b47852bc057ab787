#!/usr/bin/env bash
# The CDK: bootstrap, deploy, change, destroy. Needs `npm install` in the folder cdk.
cd "$(dirname "$0")/cdk" || exit
. ../transcript.sh
trap 'rm -rf out.json cdk.out' EXIT
export NODE_NO_WARNINGS=1

told() {
    grep -e '^\$' -e '✅' -e '❌' -e CREATE_ -e UPDATE_ -e DELETE_ -e rror
}
show npx cdk --version
show npx cdk bootstrap --no-color aws://123456789012/us-east-1 | told
show npx cdk deploy --no-color --require-approval never | told
show aws lambda invoke --function-name hello-cdk:live --payload '{"a": 1}' --output text out.json
show npx cdk deploy --no-color --require-approval never -c memory=512 | told
show aws lambda get-alias --function-name hello-cdk --name live --query FunctionVersion --output text
show aws lambda invoke --function-name hello-cdk:live --payload '{"a": 1}' --output text out.json
show npx cdk destroy --no-color --force | told
show aws lambda list-functions --query 'Functions[].FunctionName'
