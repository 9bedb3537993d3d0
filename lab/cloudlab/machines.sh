#!/usr/bin/env bash
# Sets up "machines" as CloudLab's are, and walks on them what goes wrong only there: lab/cloudlab/machines.sh
#
# The machines are the nodes of a `lab cluster` with sshd, long host names, and addresses on a private network of their own. One has
# a locked package database and a package that is half installed, as machines have that were just booted.
set -euo pipefail
cd "$(dirname "$0")/../.."
LAB=${LAB:-target/debug/lab}
CLUSTER=${LAB_MACHINES:-machines}
SUBNET=192.168.77
DOMAIN=swarm.class-pg0.utah.cloudlab.us
NODES=(head worker-1 worker-2)

say() { printf '%5s s  %s\n' "$SECONDS" "$1"; }
fail() { echo "machines: $1" >&2; exit 1; }
on() { local node=$1; shift; "$LAB" cluster exec --name "$CLUSTER" "$node" -- bash -ec "$*"; }
# What `lab` says on head, where it takes the machines from their file.
lab_on_head() { on head "cd /root; export LAB_PATIENCE=${LAB_PATIENCE:-1}; lab $*"; }
expect() { grep -q -- "$2" <<<"$1" || fail "$3; it said:
$1"; }

"$LAB" cluster down --name "$CLUSTER"
trap '"$LAB" cluster down --name "$CLUSTER"' EXIT
trap 'exit 1' INT TERM
images=$("$LAB" images build --labs)
"$LAB" cluster up --bare --name "$CLUSTER" --publish none
say "nodes"

address() {
    "$LAB" cluster status --name "$CLUSTER" --json | python3 -c "import json, sys; print(*[n['$1'] for n in json.load(sys.stdin)['nodes']])"
}
private=$(address private)
hosts=$(n=1; for node in "${NODES[@]}"; do echo "$SUBNET.$n $node.$DOMAIN $node"; n=$((n + 1)); done)
machine() {
    local node=$1 n=$2
    on "$node" "
        # A network of their own over the cluster's, whose bridge lets no other addresses pass.
        ip link add lan0 type vxlan id 77 dstport 4799 dev eth1
        for peer in $private; do bridge fdb append 00:00:00:00:00:00 dev lan0 dst \$peer; done
        ip addr add $SUBNET.$n/24 dev lan0
        ip link set lan0 up
        hostname $node.$DOMAIN
        printf '%s\\n' '127.0.0.1 localhost' '$hosts' >/etc/hosts
        service docker restart
        apt-get -qq update
        DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends openssh-server >/dev/null
        mkdir -p /run/sshd /root/.ssh /local/repository/target
        cd /root/swarmlab
        cp -r --parents compose lab/cloudlab lab/labs target/images /local/repository/
        cp /opt/swarmlab/bin/lab /local/repository/target/images/
        service ssh start"
}
n=0
for node in "${NODES[@]}"; do n=$((n + 1)); machine "$node" "$n" & jobs[n]=$!; done
for job in "${jobs[@]}"; do wait "$job"; done
key=$(on head "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519; cat /root/.ssh/id_ed25519.pub")
for node in "${NODES[@]}"; do on "$node" "echo '$key' >>/root/.ssh/authorized_keys"; done
say "machines: sshd, $DOMAIN"

# Half installed, and locked by somebody else for a while, as after a boot.
on worker-1 "cd /tmp && apt-get -qq download jq && dpkg --force-all -r jq >/dev/null && dpkg --unpack jq_*.deb >/dev/null"
on worker-1 "[ -n \"\$(dpkg --audit)\" ]" || fail "no package is half installed, so nothing is there to be mended"
on worker-1 "setsid perl -MFcntl -e 'open(L, q(>), q(/var/lib/dpkg/lock)) or die; my \$lock = pack(q(s s l! l! i), F_WRLCK, 0, 0, 0, 0);
    fcntl(L, F_SETLK, \$lock) or die; sleep 15' >/dev/null 2>&1 &"
# A disk of its own for Docker's data, named in daemon.json as earlier setups did, with something on it.
on worker-2 "service docker stop
    mkdir -p /var/lib/docker/disk /docker && mount --bind /var/lib/docker/disk /docker
    mkdir -p /etc/docker && echo '{\"data-root\": \"/docker\"}' >/etc/docker/daemon.json
    service docker start
    docker volume create kept" >/dev/null
for node in worker-1 worker-2 head; do
    said=$(on "$node" "/local/repository/lab/cloudlab/setup.sh $node $SUBNET 2 0 2>&1") || fail "setup of $node: $said"
    expect "$said" "$node is ready" "setup of $node did not end"
    [ "$node" != worker-1 ] || expect "$said" "lock" "setup did not meet the lock"
done
[ -z "$(on worker-1 'dpkg --audit')" ] || fail "a package is half installed still"
on worker-1 "jq --version" >/dev/null
say "setup, through a lock and a half-installed package"
for node in worker-2 head; do
    on "$node" "/local/repository/lab/cloudlab/setup.sh $node $SUBNET 2 0 >/dev/null 2>&1" || fail "setup of $node does not run twice"
done

# Labs write daemon.json and remove it, and restart the engine each time.
on worker-2 "[ ! -e /etc/docker/daemon.json ]" || fail "setup left data-root in daemon.json"
for change in "echo '{\"dns\": [\"$SUBNET.1\"]}' >/etc/docker/daemon.json" "rm /etc/docker/daemon.json"; do
    on worker-2 "$change; service docker restart; docker volume inspect kept" >/dev/null || fail "Docker's data is out of sight after: $change"
done
on worker-2 "[ -d /docker/volumes/kept ] && [ \$(grep -c ' /var/lib/docker ' /proc/self/mountinfo) = 2 ]" ||
    fail "the data is not on the disk, or the disk is mounted twice"
on worker-2 "docker volume rm kept" >/dev/null
say "Docker's data stays on its disk, whatever daemon.json says"

# What no registry brings here; on a kernel without IPVS the stand-in for the mesh, too.
"$LAB" cluster load --name "$CLUSTER" --node head redis:8 registry:2 busybox:1
on head "cd /local/repository && docker build -q -f compose/Dockerfile --target mesh --build-context binaries=target/images -t dockercoins/mesh:latest . >/dev/null"
for node in worker-1 worker-2; do
    on head "docker save dockercoins/mesh:latest registry:2 | ssh -o BatchMode=yes $node docker load" >/dev/null
done
said=$(lab_on_head start 8 --yes) || fail "lab start 8: $said"
expect "$(on head docker node ls)" "worker-1.$DOMAIN" "the swarm does not know the long names"
say "lab 8 begun"

# A long command is broken to fit the terminal.
expect "$(lab_on_head next | tr -s '\\ \n' ' ')" "drain worker-1.$DOMAIN" "the step does not name the node as the swarm does"
on head "docker node update --availability drain worker-1.$DOMAIN" >/dev/null
said=$(lab_on_head check || true)
expect "$said" "worker-1 is drain" "the check does not find the node by its short name"
say "a node is drained by its long name"

# From outside: ssh, and nothing else. From the private network: all of it.
outside=$(address public | cut -d ' ' -f 1)
open() { timeout 3 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; }
open "$outside" 22 || fail "ssh is closed from outside"
for port in 2377 5000 7946 7777 8000; do ! open "$outside" "$port" || fail "port $port of head is open from outside"; done
for port in 8000 5000; do
    on worker-2 "timeout 5 bash -c 'exec 3<>/dev/tcp/$SUBNET.1/$port'" || fail "port $port of head is closed on the private network"
done
before=$(on head "iptables -t mangle -nvxL SWARMLAB | awk '/4789/ {print \$1}'")
echo x >"/dev/udp/$outside/4789"
after=$(on head "iptables -t mangle -nvxL SWARMLAB | awk '/4789/ {print \$1}'")
[ "$after" -gt "$before" ] || fail "VXLAN from outside is let in: $before packets dropped before, $after after"
on head "/local/repository/lab/cloudlab/firewall.sh off" >/dev/null
open "$outside" 8000 || fail "port 8000 is closed with the firewall off, so it proved nothing"
on head "/local/repository/lab/cloudlab/firewall.sh on" >/dev/null
say "from outside only ssh is open"

on worker-2 "service docker stop"
said=$(lab_on_head reset --yes) || fail "lab reset with a stopped engine: $said"
on worker-2 "docker version" >/dev/null || fail "the engine of worker-2 was not started"
say "reset starts an engine that was stopped"

# The beginnings of other tracks: their programs and images, and tasks that are bound to a node by its long name. Each takes away what the lab before left.
# shellcheck disable=SC2046 # names without blanks
"$LAB" cluster load --name "$CLUSTER" --node head $(grep -E '^lab/(mariadb|haproxy|git|nginx):' <<<"$images")
for lab in jobs/1 jobs/3 web/2 platform/4; do
    said=$(lab_on_head start "$lab" --yes) || fail "lab start $lab: $said"
done
# One container has a name that labs use, and one has not.
on head "docker run -d --name balancer busybox:1 sleep 1d
    docker run -d --name mine busybox:1 sleep 1d
    mkdir -p /etc/docker/certs.d && echo '{\"dns\": [\"$SUBNET.1\"]}' >/etc/docker/daemon.json" >/dev/null
said=$(lab_on_head reset --yes) || fail "lab reset after labs of other tracks: $said"
on head "docker inspect mine" >/dev/null || fail "reset took a container that no lab made"
! on head "docker inspect balancer" >/dev/null 2>&1 || fail "reset left the container of a lab"
on head "[ ! -e /etc/docker/daemon.json ] && [ ! -e /etc/docker/certs.d ]" || fail "reset left settings of a lab"
on head "docker rm -f mine" >/dev/null
say "labs of other tracks begin, and a reset takes what they left"

# A machine that is gone is told in seconds.
on worker-2 "iptables -I INPUT -p tcp --dport 22 -j DROP"
begun=$SECONDS
! said=$(lab_on_head reset --yes 2>&1) || fail "reset did without worker-2"
expect "$said" "worker-2" "reset does not name the machine that is gone"
say "a machine that does not answer is named after $((SECONDS - begun)) s"
echo "machines: all is well"
