#!/usr/bin/env bash
# Installs what the tests need and passes them: ./check.sh [PART...]
#
#   lint       formatting, clippy with warnings as errors, documentation
#   test       unit and integration tests: a real Redis, the public application's parts in Python, headless Chromium
#   swarm      the application on a real swarm of three nodes on this machine, broken in every way that the labs do
#   labs       every guided lab walked on a swarm of its own: each check fails before its step and passes after
#
# Without a part: all of them. On Debian or Ubuntu, as root or with sudo. A Docker engine that was not running is started for
# `swarm` and `labs`, and stopped again.
set -euo pipefail
cd "$(dirname "$0")"

PACKAGES=(build-essential procps redis-server chromium python3-flask python3-redis python3-requests)
SWARM_PACKAGES=(docker.io debootstrap iproute2 iptables)
STARTED_ENGINE=

say() { printf '\n== %s (%s)\n' "$1" "$(date +%T)"; }

# Installs those packages that are missing. A service that a package would start stays stopped: tests start their own.
install() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || { echo "check: install these by hand: ${missing[*]}" >&2; exit 1; }
    say "installing ${missing[*]}"
    local root=()
    [ "$(id -u)" = 0 ] || root=(sudo)
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

lint() {
    say "lint"
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --quiet
}

tests() {
    install "${PACKAGES[@]}"
    say "test"
    cargo test --workspace --locked --no-fail-fast
}

start_engine() {
    docker version >/dev/null 2>&1 && return
    command -v dockerd >/dev/null || { echo "check: dockerd is not installed" >&2; exit 1; }
    say "starting a Docker engine"
    local log=target/dockerd.log
    mkdir -p target
    # In a session of its own, so that ^C here does not stop it before the cluster is taken away.
    setsid dockerd >"$log" 2>&1 &
    STARTED_ENGINE=$!
    for _ in $(seq 60); do
        docker version >/dev/null 2>&1 && return
        sleep 0.5
    done
    echo "check: the Docker engine did not start within 30 s; its log ends:" >&2
    tail -n 20 "$log" >&2
    exit 1
}

stop_engine() {
    [ -n "$STARTED_ENGINE" ] || return 0
    kill "$STARTED_ENGINE" 2>/dev/null || true
    wait "$STARTED_ENGINE" 2>/dev/null || true
}

swarm() {
    install "${SWARM_PACKAGES[@]}"
    start_engine
    say "swarm"
    lab/e2e/run.sh
}

labs() {
    install "${SWARM_PACKAGES[@]}"
    start_engine
    say "labs"
    lab/labs/walk.sh
}

trap stop_engine EXIT
trap 'exit 130' INT TERM
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(lint test swarm labs)
for part in "${parts[@]}"; do
    case $part in
        lint) lint ;;
        test) tests ;;
        swarm) swarm ;;
        labs) labs ;;
        *) echo "check: there is no part \`$part\`: there are lint, test, swarm and labs" >&2; exit 2 ;;
    esac
done
say "all passed: ${parts[*]}"
