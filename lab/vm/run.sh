#!/usr/bin/env bash
# The application on a swarm with virtual IPs and the routing mesh, in a virtual machine whose kernel has IPVS:
#
#   lab/vm/run.sh                      all end-to-end tests
#   lab/vm/run.sh e2e reach update     some of them, and what they need
#   lab/vm/run.sh labs [LAB...]        walks the guided labs
#   lab/vm/run.sh shell                a shell in it
#
# On Debian or Ubuntu on x86_64, as root. It installs what is missing, starts a Docker engine where none runs, and keeps the machine's
# disks in target/vm. Nothing that runs changes the disks. The machine's kernel is a program (User Mode Linux), which runs on every
# x86_64 processor without its extensions for virtual machines, at its speed but for system calls. It is in a container, so that
# it is the same version everywhere, and gone with it.
#
#   VM_MEMORY      MB (4096)
#   VM_PROCESSOR   the processor that it runs on (the last one of this machine)
#   VM_SILENCE     seconds without a line after which it counts as hung (600)
set -euo pipefail
cd "$(dirname "$0")/../.."
. lab/prepare.sh

CACHE=target/vm
PROGRAMS_OF_IMAGES=$(programs_of_images)
PROGRAMS_OF_VM="$PROGRAMS_OF_IMAGES lab e2e"
CLUSTER=vm-images
MAKING_IMAGES=
NAME=swarmlab-vm-$$
REPOSITORY=repository-$$
PROCESSOR=${VM_PROCESSOR:-$(($(nproc) - 1))}
# lab's bounds of waits, and what rates may fall short of theory, are multiplied by it.
PATIENCE=${LAB_PATIENCE:-4}

die() { echo "vm: $*" >&2; exit 1; }

# Whether a file was made from what is now in these files.
current() {
    local made=$1
    shift
    [ -s "$made" ] && [ "$(cat "$made.from" 2>/dev/null)" = "$(cat "$@" | sha256sum)" ]
}

made_from() {
    local made=$1
    shift
    cat "$@" | sha256sum >"$made.from"
}

# An ext4 file system of so many MB with what is in a folder. Without a journal: it is never written to twice.
disk() {
    rm -f "$1" "$1.from"
    mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$3" "$1.new" "$2M" >/dev/null
    mv "$1.new" "$1"
}

# Builds one of the images of lab/vm/Dockerfile.
image() {
    docker build --network host --target "$1" -t "swarmlab/vm-$1:trixie" lab/vm >$CACHE/build.log 2>&1 \
        || { tail -n 20 $CACHE/build.log >&2; die "the image of the $1 cannot be built"; }
}

root_disk() {
    local from=(lab/vm/Dockerfile lab/vm/first lab/cluster/image/*)
    current $CACHE/root.ext4 "${from[@]}" && return
    say "the virtual machine's root file system, once"
    $CACHE/programs/lab cluster image
    image machine
    local folder=$CACHE/root container
    rm -rf $folder
    mkdir -p $folder
    container=$(docker create swarmlab/vm-machine:trixie true)
    docker export "$container" | tar -x -C $folder
    docker rm "$container" >/dev/null
    disk $CACHE/root.ext4 2048 $folder
    rm -rf $folder
    made_from $CACHE/root.ext4 "${from[@]}"
}

# The kernel's image, which the engine keeps.
kernel() {
    local from=(lab/vm/Dockerfile lab/vm/kernel.config)
    current $CACHE/kernel "${from[@]}" && docker image inspect swarmlab/vm-kernel:trixie >/dev/null 2>&1 && return
    say "the virtual machine's kernel, once"
    image kernel
    echo swarmlab/vm-kernel:trixie >$CACHE/kernel
    made_from $CACHE/kernel "${from[@]}"
}

# The engine's images, in a folder that an engine of the same version has made: loading them in the machine takes minutes.
images_disk() {
    local from=(lab/vm/Dockerfile lab/vm/nfs.conf lab/vm/rc.local lab/cluster/image/Dockerfile lab/cluster/image/profile.sh lab/cluster/standins/* lab/labs/images/*/*)
    current $CACHE/images.ext4 "${from[@]}" && return
    say "the virtual machine's images, once"
    local lab=$CACHE/programs/lab names
    names=$($lab images build --labs)
    image node
    MAKING_IMAGES=yes
    $lab cluster down --name $CLUSTER
    $lab cluster up --name $CLUSTER --nodes 1 --bare --publish none
    # shellcheck disable=SC2086 # names without blanks
    $lab cluster load --name $CLUSTER swarmlab/vm-node:trixie $names
    # In the machine it is the node's image.
    $lab cluster exec --name $CLUSTER head -- docker tag swarmlab/vm-node:trixie swarmlab/node:trixie
    $lab cluster stop head --name $CLUSTER
    disk $CACHE/images.ext4 12288 "$(docker volume inspect -f '{{.Mountpoint}}' $CLUSTER-head)"
    $lab cluster down --name $CLUSTER
    MAKING_IMAGES=
    made_from $CACHE/images.ext4 "${from[@]}"
}

# This tree with its programs, anew each time, and of each run's own: several may run beside one another.
repository_disk() {
    local folder=$CACHE/$REPOSITORY program
    rm -rf $folder
    mkdir -p $folder/target/images $folder/$CACHE/programs
    tar -c --exclude=./target --exclude=./.git . | tar -x -C $folder
    cp $CACHE/programs/* $folder/$CACHE/programs/
    for program in $PROGRAMS_OF_IMAGES; do
        ln $folder/$CACHE/programs/$program $folder/target/images/$program
    done
    disk $CACHE/$REPOSITORY.ext4 512 $folder
    rm -rf $folder
}

# Sets `machine` to the command that runs the machine; arguments are what it is to do. What it writes to its disks goes into files of
# the container, and its memory is one, too.
machine_command() {
    local flags=() environment=("LAB_PATIENCE=$PATIENCE") memory=${VM_MEMORY:-4096} input=null disk disks=() rows columns
    if [ "$1" = shell ]; then
        flags=(-t)
        input=fd:0
        read -r rows columns < <(stty size)
        environment+=("ROWS=$rows" "COLUMNS=$columns")
    fi
    for disk in root images $REPOSITORY; do
        disks+=("ubd${#disks[@]}=/tmp/$disk,/vm/$disk.ext4")
    done
    machine=(docker run --rm -i --init --name "$NAME" --network none --security-opt seccomp=unconfined --security-opt apparmor=unconfined
        -v "$PWD/$CACHE:/vm:ro" --tmpfs "/memory:exec,size=$((memory + 64))m" -e TMPDIR=/memory "${flags[@]}"
        swarmlab/vm-kernel:trixie nice -n "$(nice)" taskset -c "$PROCESSOR"
        linux seccomp=on "mem=${memory}M" "${disks[@]}" root=/dev/ubda rw init=/first
        con=null "con0=$input,fd:1" console=tty0 quiet panic=-1 "${environment[@]}" -- "$@")
}

# Shows what the machine says, and ends as it does.
run() {
    local log=$CACHE/console-$PROCESSOR.log silence=${VM_SILENCE:-600} line ended=
    machine_command "$@"
    : >$log
    exec {console}< <("${machine[@]}" </dev/null 2>&1)
    while :; do
        if IFS= read -r -t "$silence" -u "$console" line; then
            line=${line%$'\r'}
            printf '%s\n' "$line" | tee -a $log
            [[ $line != "vm: ended with "* ]] || ended=${line##* }
        elif [ $? -gt 128 ]; then
            die "the machine has said nothing for $silence s; all that it said is in $log"
        else
            break
        fi
    done
    [ -n "$ended" ] || die "the machine ended without a result (a panic of its kernel?); all that it said is in $log"
    return "$ended"
}

stop() {
    docker kill "$NAME" >/dev/null 2>&1 || true
    rm -rf "$CACHE/$REPOSITORY" "$CACHE/$REPOSITORY.ext4"
    [ -z "$MAKING_IMAGES" ] || $CACHE/programs/lab cluster down --name $CLUSTER || true
    if [ -n "$STARTED_ENGINE" ] && docker ps --format '{{.Names}}' --filter name=swarmlab-vm- | grep -qvx "$NAME"; then
        say "the Docker engine runs on, process $STARTED_ENGINE: another virtual machine is in it"
        return
    fi
    stop_engine
}

[ $# -gt 0 ] || set -- e2e
case $1 in
    e2e | labs | shell) ;;
    *) die "there is no task \`$1\`: there are e2e, labs and shell" ;;
esac
[ "$1" != shell ] || [ -t 0 ] || die "a shell needs a terminal"
[ "$(uname -m)" = x86_64 ] || die "the machine's kernel runs on x86_64 only"
[ "$(id -u)" = 0 ] || die "run this as root: the disks hold files of several users"
trap stop EXIT
trap 'exit 130' INT TERM
install e2fsprogs "${ENGINE_PACKAGES[@]}"
start_engine
mkdir -p $CACHE
say "the programs"
PROGRAMS=$PROGRAMS_OF_VM sh compose/binaries.sh $CACHE/programs
root_disk
kernel
images_disk
repository_disk
say "the virtual machine starts; all that it says is kept in $CACHE/console-$PROCESSOR.log"
if [ "$1" = shell ]; then
    machine_command "$@"
    "${machine[@]}"
else
    run "$@"
fi
