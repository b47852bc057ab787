#!/usr/bin/env bash
# Terraform (or OpenTofu: TERRAFORM=tofu) with the AWS provider: apply, invoke, change, destroy.
cd "$(dirname "$0")" || exit
. ./transcript.sh
terraform=${TERRAFORM:-terraform}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp terraform/main.tf "$work"
(cd hello && python3 -m zipfile -c "$work/hello.zip" app.py)
cd "$work" || exit
export TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1

show "$terraform" version
show "$terraform" init -no-color -input=false | grep -e Install -e initialized
show "$terraform" apply -no-color -input=false -auto-approve | grep -v '^ \|^$'
show aws lambda invoke --function-name hello-terraform:live --payload '{"a": 1}' \
    --query ExecutedVersion --output text out.json
show cat out.json
echo
show "$terraform" plan -no-color -input=false -detailed-exitcode | tail -4
show "$terraform" apply -no-color -input=false -auto-approve -var memory=512 |
    grep -e '^aws' -e '^Apply' -e '  ~ '
show "$terraform" destroy -no-color -input=false -auto-approve | tail -3
