#!/bin/sh
# Installs what runs at every boot before Docker: before-docker.sh [--disk] [--firewall]
#
# Docker starts a swarm's containers at boot, and does not wait for setup.sh: without this their ports would be open to everybody until
# that has run. Docker does not start where this fails. ROOT is a folder to install into, for the test.
set -eu
root=${ROOT:-} lib=/usr/local/lib/swarmlab unit=/etc/systemd/system/swarmlab.service
here=$(dirname "$0")
set -- "$@" end
run= what=
while [ "$1" != end ]; do
    case $1 in
        # The scripts are copied, as the repository may be taken away and brought again while a machine boots.
        --disk) script=data.sh run="$run
ExecStart=$lib/data.sh mount" what="$what, its disk" ;;
        --firewall) script=firewall.sh run="$run
ExecStart=$lib/firewall.sh on" what="$what, the firewall" ;;
        *) echo "usage: before-docker.sh [--disk] [--firewall]" >&2; exit 2 ;;
    esac
    mkdir -p "$root$lib"
    # By another name first: a boot that is cut short leaves no half of a script.
    cp "$here/$script" "$root$lib/$script.new"
    mv "$root$lib/$script.new" "$root$lib/$script"
    shift
done
if [ -z "$run" ]; then
    [ ! -e "$root$unit" ] || systemctl disable "${unit##*/}"
    rm -f "$root$unit"
    exit 0
fi
mkdir -p "$root${unit%/*}"
# The firewall closes the interface of the default route, so the network is there first.
cat >"$root$unit" <<END
[Unit]
Description=What is there before Docker starts: ${what#, }
Wants=network-online.target
After=network-online.target local-fs.target
RequiresMountsFor=/docker
Before=docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
${run#?}

[Install]
RequiredBy=docker.service
END
systemctl daemon-reload
systemctl enable "${unit##*/}"
