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
for package in docker.io docker-compose; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        command -v docker >/dev/null && docker compose version >/dev/null 2>&1 ||
        change "installing $package" apt-get install -y -qq --no-install-recommends "$package"
done
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
