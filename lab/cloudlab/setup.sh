#!/bin/sh
# Prepares one node of the CloudLab profile: setup.sh NAME SUBNET WORKERS SWARM
#
# It runs at every boot, so each part leaves alone what is there already. SUBNET is the first three bytes of the private
# network's; SWARM is 1 where the swarm is to be made.
set -eu
name=$1 subnet=$2 workers=$3 swarm=$4
cd "$(dirname "$0")/../.."
bin=/usr/local/bin

# What each node is called, and its private address. `lab` takes the machines from here.
nodes() {
    echo "head $subnet.1 $(hostname -f)"
    n=1
    while [ "$n" -le "$workers" ]; do
        echo "worker-$n $subnet.$((n + 1))"
        n=$((n + 1))
    done
}

# Docker from the distribution, with its data on the large disk where there is one.
docker_engine() {
    if mountpoint -q /docker; then
        mkdir -p /etc/docker
        [ -s /etc/docker/daemon.json ] || echo '{"data-root": "/docker"}' >/etc/docker/daemon.json
    fi
    if ! command -v docker >/dev/null; then
        apt-get update
        DEBIAN_FRONTEND=noninteractive apt-get install -y docker.io docker-buildx docker-compose-v2 httping jq
    fi
    systemctl enable --now docker
    # Whoever logs in may use Docker.
    for home in /users/*; do
        user=${home##*/}
        ! id "$user" >/dev/null 2>&1 || usermod -aG docker "$user"
    done
}

# Our programs, built once on head inside a container, as the distribution's Rust is too old.
programs() {
    mkdir -p target/images
    for program in rng hasher worker webui loadgen lab; do
        [ -x "target/images/$program" ] ||
            docker build -f compose/Dockerfile --target "$program" --build-arg PROGRAMS="$program" --output target/images .
    done
    cp target/images/lab target/images/loadgen "$bin/"
}

# A node is ready for us when root can log in and its engine answers.
wait_for() {
    tries=0
    until ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new "$1" docker version >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 180 ] || { echo "$1 is not ready after half an hour" >&2; return 1; }
        sleep 10
    done
}

make_swarm() {
    [ "$(docker info --format '{{.Swarm.LocalNodeState}}')" = active ] ||
        docker swarm init --advertise-addr "$subnet.1" --listen-addr "$subnet.1"
    token=$(docker swarm join-token -q worker)
    nodes | tail -n +2 | while read -r worker address; do
        ssh -n "$worker" "[ \"\$(docker info --format '{{.Swarm.LocalNodeState}}')\" = active ] ||
            docker swarm join --advertise-addr $address --token $token $subnet.1:2377"
    done
}

docker_engine
if [ "$name" = head ]; then
    mkdir -p /etc/swarmlab
    nodes >/etc/swarmlab/nodes
    programs
    nodes | tail -n +2 | while read -r worker _; do
        wait_for "$worker" </dev/null
        scp -o BatchMode=yes target/images/lab target/images/loadgen "$worker:$bin/" </dev/null
    done
    [ "$swarm" = 0 ] || make_swarm
fi
