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
add_line() { printf '%s\n' "$2" >> "$1"; }

# From the distribution: no script out of the internet is run as root, and no
# password stands here.
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
for alias in "$@"; do
    line="${alias#*=} ${alias%%=*} # lab"
    case $(grep -c -F -x "$line" /etc/hosts || true) in
        0) change "naming ${alias%%=*}" add_line /etc/hosts "$line" ;;
        1) ;;
        *) echo "setup: ${alias%%=*} stands in /etc/hosts more than once; remove the lines that are too many" >&2; exit 1 ;;
    esac
done
echo "setup: $changes changes"
