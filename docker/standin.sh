#!/usr/bin/env bash
# Makes stand-ins for the base images that the Dockerfiles name, on a machine that has a Docker
# engine and Debian's packages but can pull no image. A base image that is already here, or can be
# pulled, is used as it is.
#
#   docker/standin.sh                 what Python functions start from
#   docker/standin.sh IMAGE...        only these; below are all that it knows
#   docker/standin.sh --force ...     rebuild stand-ins; a real image is never replaced
#
# STANDIN_PULL_TIMEOUT  seconds to try a pull before building (default 180, 0 never tries)
# STANDIN_MIRROR        Debian mirror (default: the one this machine's apt uses)
set -euo pipefail
# debootstrap and chroot are there, which a user's PATH does not show
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

readonly here=${BASH_SOURCE[0]%/*}
readonly suite=trixie # the Debian release whose Python is 3.13
readonly rootfs_image=serverless-testbed/debian:$suite
readonly standin_label=serverless-testbed.standin
readonly recipe_label=serverless-testbed.standin.recipe
readonly host_certificates=/usr/local/share/ca-certificates
readonly host_bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
readonly pull_timeout=${STANDIN_PULL_TIMEOUT:-180}

declare -rA recipes=(
  [public.ecr.aws/lambda/python:3.13]=lambda-python.Dockerfile
  [python:3.13-slim]=python-slim.Dockerfile
  [public.ecr.aws/lambda/python:3.6]=lambda-python36.Dockerfile
  [public.ecr.aws/lambda/java:8]=lambda-java8.Dockerfile
  [eclipse-temurin:21-jre]=java-jre.Dockerfile
  [maven:3-eclipse-temurin-21]=maven-jdk.Dockerfile
  [node:20-slim]=node-slim.Dockerfile
)
readonly -a usual=(public.ecr.aws/lambda/python:3.13 python:3.13-slim)

say() { printf 'standin: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

workdir=
remove_workdir() {
  [[ -n $workdir ]] || return 0
  # debootstrap leaves /proc and /sys mounted when it is interrupted, and rm would follow them.
  awk -v under="$workdir/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r |
    while read -r mounted; do umount "$mounted" || true; done
  rm -rf --one-file-system "$workdir"
}
trap remove_workdir EXIT

label_of() { # IMAGE LABEL
  docker image inspect --format "{{ index .Config.Labels \"$2\" }}" "$1" 2>/dev/null
}

short_digest() { sha256sum | cut -c1-16; }

# All that decides what an image holds, this machine's certificates and settings included.
rootfs_recipe() {
  declare -f make_rootfs copy_host_network_settings trim_rootfs
  pip_settings
  cat "$host_certificates"/*.crt "$host_bundle" 2>/dev/null || true
}

image_recipe() { # IMAGE
  local dockerfile=${recipes[$1]}
  printf '%s\n' "$rootfs_digest"
  # with the files that it copies; what the others copy does not concern it
  (cd "$here/standin" && sed -n 's/^COPY \(.*\) .*/\1/p' "$dockerfile" |
    sed 's/^python3\.6$//' | xargs cat "$dockerfile")
  if takes_maven_settings "$1"; then maven_settings; fi
}

takes_maven_settings() { # IMAGE
  grep -q '^ARG MAVEN_SETTINGS$' "$here/standin/${recipes[$1]}"
}

# The mirrors and proxies of this machine's Maven, without its folders.
maven_settings() {
  local file=${HOME:-/root}/.m2/settings.xml
  if [[ -r $file ]]; then sed 's|<localRepository>.*</localRepository>||' "$file"; fi
}

mirrors() {
  if [[ -n ${STANDIN_MIRROR:-} ]]; then
    printf '%s\n' "$STANDIN_MIRROR"
  elif command -v apt-get >/dev/null; then
    # shellcheck disable=SC2016 # apt expands it, not this shell
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
      grep -v security | sort -u
  fi
  printf '\n' # debootstrap's own default
}

make_rootfs() { # DIRECTORY
  local mirror log=$workdir/debootstrap.log
  local -a options=(--variant=minbase '--include=python3,python3-venv,ca-certificates')
  while read -r mirror; do
    rm -rf --one-file-system "$1"
    # An empty mirror stands for debootstrap's default, which is an argument left out.
    if debootstrap "${options[@]}" "$suite" "$1" ${mirror:+"$mirror"} >"$log" 2>&1; then
      return 0
    fi
    say "debootstrap from ${mirror:-its default mirror} failed: $(tail -n 1 "$log")"
  done < <(mirrors)
  tail -n 20 "$log" >&2
  return 1
}

# What a build inside the image needs to reach the package registries as this machine does.
copy_host_network_settings() { # DIRECTORY
  if compgen -G "$host_certificates/*.crt" >/dev/null; then
    cp "$host_certificates"/*.crt "$1$host_certificates/"
  fi
  chroot "$1" update-ca-certificates >/dev/null 2>&1
  if [[ -r $host_bundle ]]; then cp "$host_bundle" "$1/etc/ssl/certs/ca-certificates.crt"; fi

  if command -v apt-config >/dev/null; then
    apt-config dump | grep -E '^Acquire::(https?::(Proxy|Verify)|Check-)' >"$1/etc/apt/apt.conf.d/90host" || true
  fi
  pip_settings >"$1/etc/pip.conf"
}

pip_settings() {
  local settings
  settings=$(pip3 config list 2>/dev/null || true)
  printf '[global]\ndisable-pip-version-check = 1\nroot-user-action = ignore\n'
  # find-links and cache folders are left out: they are paths of this machine.
  sed -nE "s/^[^=]*\.(default-)?(index-url|extra-index-url|trusted-host|proxy|timeout)='(.*)'$/\2 = \3/p" \
    <<<"$settings" | sort -u
  if [[ $settings = *".cert='"* ]]; then printf 'cert = /etc/ssl/certs/ca-certificates.crt\n'; fi
}

trim_rootfs() { # DIRECTORY
  rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/* "$1"/usr/share/man/* \
    "$1"/usr/share/locale/* "$1"/etc/resolv.conf "$1"/etc/hostname
  find "$1/usr/share/doc" -type f ! -name copyright -delete
  # A function's code knows LANG=en_US.UTF-8, which minbase lacks; C.utf8 behaves like it.
  ln -s C.utf8 "$1/usr/lib/locale/en_US.utf8"
}

ensure_rootfs_image() {
  if [[ $force = no && $(label_of "$rootfs_image" "$recipe_label") = "$rootfs_digest" ]]; then
    return 0
  fi
  [[ $EUID = 0 ]] ||
    die "making $rootfs_image takes root, for debootstrap: sudo ${BASH_SOURCE[0]}"
  command -v debootstrap >/dev/null || die 'needs debootstrap (apt-get install debootstrap)'
  workdir=$(mktemp -d "${TMPDIR:-/var/tmp}/standin.XXXXXX")
  say "bootstrapping Debian $suite (a minute or two)"
  make_rootfs "$workdir/rootfs"
  copy_host_network_settings "$workdir/rootfs"
  trim_rootfs "$workdir/rootfs"
  tar -C "$workdir/rootfs" --numeric-owner --one-file-system -c . |
    docker import --change "LABEL $recipe_label=$rootfs_digest" - "$rootfs_image" >/dev/null
}

pull() { # IMAGE
  [[ $pull_timeout != 0 ]] || return 1
  say "pulling $1"
  timeout "$pull_timeout" docker pull --quiet "$1" >/dev/null 2>&1 </dev/null
}

# Python 3.6 comes from this machine, as no Debian release has one: pyenv's, or what PATH finds.
python36() {
  local found
  found=$(PYENV_VERSION=$(pyenv versions --bare 2>/dev/null | grep -m1 '^3\.6\.') \
    python3.6 -c 'import sys; print(sys.base_prefix)' 2>/dev/null) && printf '%s\n' "$found"
}

# Makes the folder that a build copies from: the recipes, and what one takes from this machine.
make_context() { # DOCKERFILE DIRECTORY
  local found
  mkdir -p "$2"
  cp -r "$here/standin/." "$2"
  grep -q '^COPY python3.6 ' "$here/standin/$1" || return 0
  found=$(python36) ||
    die 'python:3.6 cannot be pulled, and this machine has no python3.6 (pyenv install 3.6) to copy'
  # without what this machine has installed into it, and without tests
  tar -C "$found" --transform 's|^\.|python3.6|' --exclude __pycache__ \
    --exclude ./lib/python3.6/site-packages --exclude ./lib/python3.6/test --exclude ./lib/python3.6/lib2to3/tests \
    -c ./bin ./lib | tar -C "$2" -x
}

build() { # IMAGE DIGEST
  local -a build_args=()
  local name output
  for name in http_proxy https_proxy no_proxy; do
    if [[ -n ${!name:-} ]]; then build_args+=(--build-arg "$name"); fi
  done
  if takes_maven_settings "$1"; then
    build_args+=(--build-arg "MAVEN_SETTINGS=$(maven_settings)")
  fi
  say "building a stand-in for $1"
  [[ -n $workdir ]] || workdir=$(mktemp -d "${TMPDIR:-/var/tmp}/standin.XXXXXX")
  make_context "${recipes[$1]}" "$workdir/context"
  # The context goes in by a pipe so that nothing but the recipes can enter the image.
  if ! output=$(tar -C "$workdir/context" -c . |
    docker build --force-rm --file "${recipes[$1]}" "${build_args[@]}" \
      --build-arg "ROOTFS=$rootfs_image" \
      --label "$standin_label=$1" --label "$recipe_label=$2" --tag "$1" - 2>&1); then
    printf '%s\n' "$output" >&2
    die "building $1 failed"
  fi
  rm -rf "$workdir/context"
}

ensure() { # IMAGE
  local standin_for digest
  [[ -v recipes[$1] ]] || die "no recipe for $1; known: ${!recipes[*]}"
  digest=$(image_recipe "$1" | short_digest)
  if standin_for=$(label_of "$1" "$standin_label"); then
    if [[ -z $standin_for || $standin_for = '<no value>' ]]; then
      say "$1 is here"
      return 0
    fi
    if [[ $force = no && $(label_of "$1" "$recipe_label") = "$digest" ]]; then
      say "$1 is here (a stand-in)"
      return 0
    fi
    # root's recipe has root's settings of pip, so a user's seldom agrees
    if [[ $force = no && $EUID != 0 ]]; then
      say "$1 is here (a stand-in of another recipe, which root can make anew)"
      return 0
    fi
  elif pull "$1"; then
    return 0
  fi
  ensure_rootfs_image
  build "$1" "$digest"
}

force=no
if [[ ${1:-} = --force ]]; then
  force=yes
  shift
fi
docker version >/dev/null 2>&1 || die 'no Docker engine answers'
rootfs_digest=$(rootfs_recipe | short_digest)
readonly force rootfs_digest
if (($# == 0)); then set -- "${usual[@]}"; fi
for image in "$@"; do ensure "$image"; done
