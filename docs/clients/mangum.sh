#!/usr/bin/env bash
# FastAPI by mangum behind a function URL.
cd "$(dirname "$0")" || exit
. ./transcript.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp mangum/app.py "$work"
python3 -m pip install --quiet --disable-pip-version-check --target "$work" --no-compile \
    -r mangum/requirements.txt
(cd "$work" && python3 -m zipfile -c /tmp/mangum.zip *)
mv /tmp/mangum.zip "$work"
cd "$work" || exit

show aws lambda create-function --function-name web --runtime python3.13 --handler app.handler \
    --role arn:aws:iam::123456789012:role/any --zip-file fileb://mangum.zip --timeout 30 \
    --memory-size 512 --query FunctionArn --output text
aws lambda wait function-active-v2 --function-name web
url=$(aws lambda create-function-url-config --function-name web --auth-type NONE \
    --query FunctionUrl --output text)
show curl -s "${url}items/7?q=a%20b"
echo
show curl -s -o /dev/null -w '%{http_code}\n' "${url}none"
