#!/usr/bin/env bash
# The OpenTelemetry Collector in a layer: an external extension on the Telemetry API. Needs Go.
cd "$(dirname "$0")" || exit
. ./transcript.sh
work=$(mktemp -d)
sink=
trap 'test -n "$sink" && kill "$sink"; rm -rf "$work"' EXIT
port=${SINK_PORT:-4390}
mkdir -p "$work/layer/extensions" "$work/code"
if [ -n "$COLLECTOR" ]; then
    cp "$COLLECTOR" "$work/layer/extensions/collector"
else
    (cd opentelemetry/layer && CGO_ENABLED=0 nice go build -trimpath -ldflags '-s -w' -o "$work/layer/extensions/collector" .)
fi
chmod +x "$work/layer/extensions/collector"
cp opentelemetry/collector.yaml "$work/layer"
python3 -m pip install --quiet --disable-pip-version-check --target "$work/code" --no-compile \
    -r opentelemetry/requirements.txt
cp opentelemetry/app.py "$work/code"
(cd "$work/layer" && zip -qr ../layer.zip .)
(cd "$work/code" && zip -qr ../code.zip .)
python3 opentelemetry/sink.py "$port" > "$work/sink.log" &
sink=$!
cd "$work" || exit

show unzip -l layer.zip | grep -v -- -----
show aws lambda publish-layer-version --layer-name collector --zip-file fileb://layer.zip \
    --query LayerVersionArn --output text
layer=$(aws lambda list-layer-versions --layer-name collector --query 'LayerVersions[0].LayerVersionArn' --output text)
show aws lambda create-function --function-name orders --runtime python3.13 --handler app.handler \
    --role arn:aws:iam::123456789012:role/any --zip-file fileb://code.zip --timeout 30 --memory-size 512 \
    --layers "$layer" --environment "Variables={SINK=http://127.0.0.1:$port}" --query State --output text
aws lambda wait function-active-v2 --function-name orders
for prices in '[3, 4]' '[5]'; do
    show aws lambda invoke --function-name orders --payload "{\"prices\": $prices}" --output text out.json
    show cat out.json
    echo
done
show aws lambda invoke --function-name orders --payload '{}' --output text out.json
# the sandbox ends: SHUTDOWN
show testbed recycle orders --url "$AWS_ENDPOINT_URL"
sleep 3
show cat sink.log
show aws lambda delete-function --function-name orders
