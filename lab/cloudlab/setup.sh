#!/bin/sh
# Prepares one node of the CloudLab profile: setup.sh NAME SUBNET WORKERS SWARM [FIREWALL]
#
# It runs at every boot, so each part leaves alone what is there already, and mends what an earlier run left half done. SUBNET is
# the first three bytes of the private network's; SWARM is 1 where the swarm is to be made, FIREWALL 0 where the control network
# is to stay open.
set -eu
name=$1 subnet=$2 workers=$3 swarm=$4 firewall=${5:-1}
cd "$(dirname "$0")/../.."
bin=/usr/local/bin
before_docker=
# Cloud images update themselves when they boot, which keeps the lock of the packages for some minutes.
apt="apt-get -q -o DPkg::Lock::Timeout=900"
ssh="ssh -n -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ConnectTimeout=10 -o ServerAliveInterval=10"

# What each node is called, and its private address. `lab` takes the machines from here.
nodes() {
    echo "head $subnet.1 $(hostname -f)"
    n=1
    while [ "$n" -le "$workers" ]; do
        echo "worker-$n $subnet.$((n + 1))"
        n=$((n + 1))
    done
}

# The packages by the names that this release has for them: Ubuntu's and Debian's differ.
packages() {
    echo docker.io docker-buildx httping jq curl git iptables iproute2 apache2-utils openssl
    for one in docker-compose-v2 docker-compose; do
        ! apt-cache show "$one" >/dev/null 2>&1 || { echo "$one"; break; }
    done
    # Debian 13 has the client in a package of its own.
    ! apt-cache show docker-cli >/dev/null 2>&1 || echo docker-cli
}

installed() {
    for one in docker dockerd httping jq curl git iptables htpasswd openssl; do
        command -v "$one" >/dev/null || return 1
    done
    docker buildx version >/dev/null 2>&1 && docker compose version >/dev/null 2>&1 && [ -z "$(dpkg --audit)" ]
}

# Docker's data on the large disk, where there is one: now, and at later boots before Docker starts.
large_disk() {
    # A disk that was there once and is not now is a fault: without it Docker would begin anew.
    mountpoint -q /docker || grep -qs data.sh /etc/systemd/system/swarmlab.service || return 0
    if ! lab/cloudlab/data.sh mounted; then
        # An engine keeps open what it has, so none runs while its folder is exchanged. The socket would start it again.
        if [ -d /run/systemd/system ]; then
            systemctl stop docker.socket docker.service 2>/dev/null || true
        elif command -v dockerd >/dev/null; then
            service docker stop || true
        fi
        ! docker version >/dev/null 2>&1 || { echo "the Docker engine does not stop, so its data is not moved to /docker" >&2; return 1; }
        lab/cloudlab/data.sh mount
    fi
    before_docker=--disk
}

# Docker from the distribution.
docker_engine() {
    export DEBIAN_FRONTEND=noninteractive
    # A boot that was cut short leaves packages unpacked and not configured: nothing else installs before that is mended.
    if ! installed; then
        tries=0
        until dpkg --configure -a; do
            tries=$((tries + 1))
            [ "$tries" -lt 90 ] || { echo "the packages stay locked or broken" >&2; return 1; }
            sleep 10
        done
        $apt -y -f install
        $apt update
        # shellcheck disable=SC2046 # several words on purpose
        $apt install -y --no-install-recommends $(packages)
        installed || { echo "docker, buildx, compose, httping or jq is missing, or half installed: see \`dpkg --audit\`" >&2; return 1; }
    fi
    if [ -d /run/systemd/system ]; then
        systemctl enable --now docker
    else
        service docker start
    fi
    # Whoever logs in may use Docker.
    for home in /users/*; do
        user=${home##*/}
        ! id "$user" >/dev/null 2>&1 || usermod -aG docker "$user"
    done
    mkdir -p /root/work
}

# Our programs, built once on head inside a container, as the distribution's Rust is too old.
programs() {
    mkdir -p target/images
    all="$(cat compose/programs) lab"
    for program in $all; do
        [ -x "target/images/$program" ] ||
            docker build -f compose/Dockerfile --target "$program" --build-arg PROGRAMS="$all" --output target/images .
    done
    cp target/images/lab target/images/loadgen "$bin/"
}

# A node is ready for us when root can log in and its engine answers.
wait_for() {
    tries=0
    until $ssh "$1" docker version >/dev/null 2>&1; do
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
        $ssh "$worker" "[ \"\$(docker info --format '{{.Swarm.LocalNodeState}}')\" = active ] ||
            docker swarm join --advertise-addr $address --token $token $subnet.1:2377"
    done
}

# Closed before anything listens; open again only where that is asked for.
if command -v iptables >/dev/null && [ "$firewall" != 0 ]; then lab/cloudlab/firewall.sh on; fi
large_disk
[ "$firewall" = 0 ] || before_docker="$before_docker --firewall"
# shellcheck disable=SC2086 # several words, or none
[ ! -d /run/systemd/system ] || lab/cloudlab/before-docker.sh $before_docker
docker_engine
if [ "$firewall" = 0 ]; then lab/cloudlab/firewall.sh off; else lab/cloudlab/firewall.sh on; fi
if [ "$name" = head ]; then
    mkdir -p /etc/swarmlab
    nodes >/etc/swarmlab/nodes
    programs
    nodes | tail -n +2 | while read -r worker _; do
        wait_for "$worker"
        scp -q -o BatchMode=yes -o ConnectTimeout=10 target/images/lab target/images/loadgen "$worker:$bin/" </dev/null
    done
    [ "$swarm" = 0 ] || make_swarm
fi
echo "$name is ready"
