#!/bin/sh
# Keeps Docker's data on the large disk: data.sh mount|mounted [DISK [DATA [SETTINGS]]]
#
# `mount` lays DISK (/docker) over DATA (/var/lib/docker), `mounted` tells whether it lies there. A mount, and not `data-root` in
# daemon.json: labs write that file and remove it, and the engine would start on an empty folder, without its swarm and its volumes.
# DISK stays where it is too, so paths that an engine noted under it still lead to the same files.
set -eu
action=${1:-} disk=${2:-/docker} data=${3:-/var/lib/docker} settings=${4:-/etc/docker/daemon.json}

mounted() { [ "$(stat -L -c %d:%i "$disk")" = "$(stat -L -c %d:%i "$data" 2>/dev/null)" ]; }

case $action in
    mounted)
        mounted && ! grep -qs '"data-root"' "$settings"
        ;;
    mount)
        # An engine that does not start is better than one that starts on an empty folder.
        mountpoint -q "$disk" || { echo "data: no disk is mounted on $disk, so Docker's data is not there" >&2; exit 1; }
        mkdir -p "$data"
        mounted || mount --bind "$disk" "$data"
        # Earlier setups named the disk in the settings. What else is in them stays.
        if [ "$(tr -d '[:space:]' 2>/dev/null <"$settings" || true)" = "{\"data-root\":\"$disk\"}" ]; then
            rm "$settings"
        elif grep -qs '"data-root"' "$settings"; then
            command -v jq >/dev/null || { echo "data: remove \`data-root\` from $settings by hand" >&2; exit 1; }
            jq 'del(."data-root")' "$settings" >"$settings.new"
            mv "$settings.new" "$settings"
        fi
        ;;
    *) echo "usage: data.sh mount|mounted [DISK [DATA [SETTINGS]]]" >&2; exit 2 ;;
esac
