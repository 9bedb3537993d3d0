#!/bin/sh
# Closes the control network of a machine to everybody but ssh: firewall.sh on|off [INTERFACE]
#
# INTERFACE is the one that leads out; by default that of the default route. What comes by the private network is let in.
#
# The rules are in the first table that a packet meets once its connection is known. Docker's own rules translate
# addresses only later, so a port is closed whoever opened it: Docker for a container, the routing mesh, a service in host
# mode, or a program that listens by itself. UDP is closed for what Swarm speaks, gossip and VXLAN; the rest of UDP is the
# machine's own (time, addresses).
set -eu
action=${1:-} outside=${2:-$(ip -o route show default | awk '{for (i = 1; i < NF; i++) if ($i == "dev") {print $(i + 1); exit}}')}
chain=SWARMLAB
case $action in on | off) ;; *) echo "usage: firewall.sh on|off [INTERFACE]" >&2; exit 2 ;; esac
[ -n "$outside" ] || { echo "firewall: there is no default route; name the interface that leads out" >&2; exit 1; }

open_all() {
    table="$1 -w 60 -t mangle"
    while $table -D PREROUTING -i "$outside" -j $chain 2>/dev/null; do :; done
    $table -F $chain 2>/dev/null && $table -X $chain
    return 0
}

# All rules come at once, in place of those of an earlier run: at no time is anything open in between, and this can run at every boot.
close_all() {
    jump="-A PREROUTING -i $outside -j $chain"
    ! "$1" -w 60 -t mangle -C PREROUTING -i "$outside" -j $chain 2>/dev/null || jump=
    "$1-restore" -w 60 --noflush <<END
*mangle
:$chain - [0:0]
-A $chain -m conntrack ! --ctstate NEW -j RETURN
-A $chain -p tcp --dport 22 -j RETURN
-A $chain -p tcp -j DROP
-A $chain -p udp -m multiport --dports 4789,7946 -j DROP
$jump
COMMIT
END
}

rules() { if [ "$action" = on ]; then close_all "$1"; else open_all "$1"; fi; }

rules iptables
# Where the kernel has no version 6 there is nothing to close.
! ip6tables -w 60 -t mangle -L -n >/dev/null 2>&1 || rules ip6tables
echo "firewall $action: on $outside only ssh is let in" | sed 's/off: .*/off/'
