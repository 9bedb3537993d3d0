#!/bin/sh
# Deploys the application on a swarm of three nodes on this machine, breaks it in every way that the labs do, and
# takes it away: lab/e2e/run.sh [STEP...]
#
# It needs a running Docker engine and root (or the group docker), and makes everything else itself: the node's image and
# the public images' stand-ins from Debian's packages where no registry is reachable, and static binaries.
set -eu
cd "$(dirname "$0")/../.."
docker version >/dev/null || { echo "e2e: no Docker engine answers; start it (\`dockerd &\` or \`systemctl start docker\`)" >&2; exit 1; }
PROGRAMS=${PROGRAMS:-"rng hasher worker webui mesh loadgen known"} sh compose/binaries.sh
# shellcheck disable=SC2086 # several words
cargo build --locked ${BUILD:--p lab -p e2e}
exec target/debug/e2e "$@"
