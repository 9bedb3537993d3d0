#!/bin/sh
# Walks the labs on a swarm of three nodes on this machine, without a person: lab/labs/walk.sh [TRACK|LAB...]
#
# Every check must fail before its step and pass after its solution, and nothing may be left behind. It needs a running Docker
# engine and root (or the group docker), and makes everything else itself.
set -eu
cd "$(dirname "$0")/../.."
docker version >/dev/null || { echo "walk: no Docker engine answers; start it (\`dockerd &\` or \`systemctl start docker\`)" >&2; exit 1; }
PROGRAMS=${PROGRAMS:-"rng hasher worker webui flow mesh"} sh compose/binaries.sh
cargo build --locked -p lab
lab=target/debug/lab
# A cluster of its own, so that a student's on the same machine is left alone.
LAB_CLUSTER=${LAB_CLUSTER:-labs-walk}
export LAB_CLUSTER
$lab cluster down
trap '$lab cluster down' EXIT
trap 'exit 1' INT TERM
$lab images build
$lab cluster up --bare --publish 0:8000,0:8001,0:8002
$lab author check "$@"
