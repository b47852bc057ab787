# Sourced by the scripts here. Shows each command as a person would type it, then runs it.
export AWS_ENDPOINT_URL=${AWS_ENDPOINT_URL:-http://127.0.0.1:8000}
export AWS_ACCESS_KEY_ID=${AWS_ACCESS_KEY_ID:-test}
export AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY:-test}
export AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-us-east-1}
export AWS_PAGER=

show() {
    local line=
    for word in "$@"; do
        case $word in
            *[\ \{\}\[\]\$\*\"\&\;\(\)\<\>\|]*) line+=" '$word'" ;;
            *) line+=" $word" ;;
        esac
    done
    printf '$%s\n' "$line"
    "$@" 2>&1
}
