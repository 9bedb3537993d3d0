#!/bin/sh
# Walks labs on swarms of three nodes on this machine, without a person: lab/labs/walk.sh [TRACK|LAB...] [--step N]
#
# Every line of a check must fail before its step and hold after its solution, every mistake must get its sentence, and nothing may be
# left behind. Without a name, all labs of all tracks are walked. Three clusters do it side by side, or LAB_WALKS of them. It needs a running Docker
# engine and root (or the group docker), and makes everything else itself.
set -eu
cd "$(dirname "$0")/../.."
docker version >/dev/null || { echo "walk: no Docker engine answers; start it (\`dockerd &\` or \`systemctl start docker\`)" >&2; exit 1; }
PROGRAMS=${PROGRAMS:-$(cat compose/programs)} sh compose/binaries.sh
# shellcheck disable=SC2086 # several words
cargo build --locked ${BUILD:--p lab}
lab=target/debug/lab
# Clusters of its own, so that a student's on the same machine is left alone.
LAB_CLUSTER=${LAB_CLUSTER:-labs-walk}
export LAB_CLUSTER
clusters=$LAB_CLUSTER
# Clusters side by side share the processors, and what is measured falls short of theory by more.
[ "${LAB_WALKS:-3}" -eq 1 ] || export LAB_PATIENCE="${LAB_PATIENCE:-3}"
beside=
for n in $(seq 2 "${LAB_WALKS:-3}"); do
    clusters="$clusters $LAB_CLUSTER-$n"
    beside="$beside --beside $LAB_CLUSTER-$n"
done
down() { for name in $clusters; do $lab cluster down --name "$name"; done; }
down
trap down EXIT
trap 'exit 1' INT TERM
$lab images build
for name in $clusters; do $lab cluster up --name "$name" --bare --publish 0:8000,0:8001,0:8002; done
# shellcheck disable=SC2086 # names without blanks
$lab author check "$@" $beside
