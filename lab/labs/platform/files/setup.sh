#!/bin/sh
# Sets up a server: setup.sh [--dry-run] NAME=ADDRESS... Run as root. With
# --dry-run it says what it would change, and changes nothing.
#
# Each part looks first whether it is done, so that the script may run again:
# after half of it failed, on a new server, every night.
set -eu
dry=
if [ "${1:-}" = --dry-run ]; then
    dry=yes
    shift
fi
changes=0
# change TEXT COMMAND...: says what is changed, and changes it unless this is
# a dry run.
change() {
    echo "setup: $1"
    shift
    changes=$((changes + 1))
    [ -n "$dry" ] || "$@"
}
# From the distribution: no script out of the internet is run as root, and no
# password stands here. A new server does not know yet what there is.
complete() { command -v dockerd && command -v docker && docker compose version; } >/dev/null 2>&1
[ -n "$dry" ] || complete || apt-get update -qq
there_is() { apt-cache show "$1" >/dev/null 2>&1; }
install() { change "installing $1" apt-get install -y -qq --no-install-recommends "$1"; }
command -v dockerd >/dev/null || install docker.io
# Debian 13 has the client in a package of its own.
if ! command -v docker >/dev/null && there_is docker-cli; then install docker-cli; fi
# On Ubuntu docker-compose is the old one, which has no `docker compose`.
compose=docker-compose
if there_is docker-compose-v2; then compose=docker-compose-v2; fi
docker compose version >/dev/null 2>&1 || install "$compose"
getent group docker >/dev/null || change "adding the group docker" groupadd docker
# Whoever called this by sudo may use Docker without it from the next login
# on. (That is as good as being root.)
user=${SUDO_USER:-}
if [ -n "$user" ] && [ "$user" != root ]; then
    id -nG "$user" | grep -qw docker || change "adding $user to the group docker" usermod -aG docker "$user"
fi

# Which addresses /etc/hosts has for a name, and whether by this script.
addresses() {
    awk -v name="$1" '
        { by = / # lab$/ ? " # lab" : ""; sub(/#.*/, "") }
        { for (n = 2; n <= NF; n++) if ($n == name) print $1 by }
    ' /etc/hosts
}
# The first line with a name counts, so one with an old address goes. (In a
# container the file can be written, and not be replaced.)
set_name() {
    kept=$(awk -v name="$1" '!(/ # lab$/ && $2 == name)' /etc/hosts)
    printf '%s\n' "$kept" "$2 $1 # lab" > /etc/hosts
}
for alias in "$@"; do
    name=${alias%%=*} address=${alias#*=}
    found=$(addresses "$name")
    case $found in
        "$address" | "$address # lab") continue ;;
        "") change "naming $name" set_name "$name" "$address" ;;
        *"
"*) wrong="stands in /etc/hosts more than once; remove the lines that are too many" ;;
        *" # lab") change "naming $name, whose address has changed" set_name "$name" "$address" ;;
        *) wrong="is $found in /etc/hosts, by a line of somebody else; remove it" ;;
    esac
    [ -z "${wrong:-}" ] || { echo "setup: $name $wrong" >&2; exit 1; }
done
echo "setup: $changes changes"
