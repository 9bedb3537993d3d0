#!/usr/bin/env bash
# Installs what the tests need and passes them: ./check.sh [PART...]
#
#   lint       no secrets in the tree, formatting, clippy with warnings as errors, documentation
#   test       unit and integration tests: a real Redis and MariaDB, the public application's frameworks, headless Chromium
#   swarm      the application on a real swarm of three nodes on this machine, broken in every way that the labs do
#   labs       every guided lab walked on a swarm of its own: each check fails before its step and passes after
#   machines   machines as CloudLab's are: long host names, sshd, a firewall; set up, walked on, broken
#   vm         the same swarm with virtual IPs and the routing mesh, which need IPVS in the kernel: in a virtual machine, as root
#
# Without a part: all of them but `machines` and `vm`. On Debian or Ubuntu, as root or with sudo; on Ubuntu, which has no
# package of Chromium, `test` wants Google Chrome or the snap `chromium`. A Docker engine that was not running is started for
# `swarm`, `labs` and `vm`, and stopped again.
set -euo pipefail
cd "$(dirname "$0")"
. lab/prepare.sh

# One set of programs and one build for all parts: each other choice of packages has other features of its crates, and would build them again.
export PROGRAMS=${PROGRAMS:-$(programs_of_images)} BUILD="--workspace --bins --tests"

PACKAGES=(build-essential procps redis-server mariadb-server-core mariadb-client-core)
# The frameworks of the public application, whose parts are tried beside ours.
PACKAGES+=(python3-flask python3-redis python3-requests ruby-sinatra puma node-express node-redis)

lint() {
    say "lint"
    .ci/secrets
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --quiet
}

tests() {
    install "${PACKAGES[@]}"
    install_browser
    say "test"
    programs_beside
    cargo test --workspace --locked --no-fail-fast
}

# Builds the images' programs with the time that the tests leave, as these wait for much of theirs. Who needs the programs builds
# them all the same, waits for cargo's lock where this has not ended, and says what went wrong where it has.
programs_beside() {
    case " ${parts[*]} " in *" swarm "* | *" labs "* | *" machines "*) ;; *) return 0 ;; esac
    setsid nice -n 19 sh compose/binaries.sh >/dev/null 2>&1 </dev/null &
    beside=$!
}

swarm() {
    install "${ENGINE_PACKAGES[@]}"
    start_engine
    say "swarm"
    lab/e2e/run.sh
}

labs() {
    install "${ENGINE_PACKAGES[@]}"
    start_engine
    say "labs"
    lab/labs/walk.sh
}

machines() {
    install "${ENGINE_PACKAGES[@]}"
    start_engine
    say "machines"
    sh compose/binaries.sh
    # shellcheck disable=SC2086 # several words
    cargo build --locked $BUILD
    lab/cloudlab/machines.sh
}

vm() {
    lab/vm/run.sh
}

stop() {
    [ -z "$beside" ] || kill -- "-$beside" 2>/dev/null || true
    stop_engine
}

beside=
trap stop EXIT
trap 'exit 130' INT TERM
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(lint test swarm labs)
for part in "${parts[@]}"; do
    case $part in
        lint) lint ;;
        test) tests ;;
        swarm) swarm ;;
        labs) labs ;;
        machines) machines ;;
        vm) vm ;;
        *) echo "check: there is no part \`$part\`: there are lint, test, swarm, labs, machines and vm" >&2; exit 2 ;;
    esac
done
say "all passed: ${parts[*]}"
