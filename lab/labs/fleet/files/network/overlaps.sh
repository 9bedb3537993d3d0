#!/bin/sh
# Says which routes of this machine overlap with a subnet: overlaps.sh SUBNET.
# It ends with 1 where one does.
set -eu
ip -4 route show | awk -v subnet="$1" -v machine="$(hostname)" '
    function number(address, part) { split(address, part, "."); return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4] }
    # The first and the last address of a range, in `first` and `last`; an
    # address alone is a range of one.
    function range(text, part, size) {
        size = 2 ^ (32 - (split(text, part, "/") == 2 ? part[2] : 32))
        first = number(part[1]) - number(part[1]) % size
        last = first + size - 1
    }
    BEGIN { range(subnet); from = first; to = last }
    $1 == "default" { next }
    { range($1) }
    first <= to && from <= last { print subnet " overlaps " $1 " of " machine; found = 1 }
    END { if (!found) print subnet " is free on " machine; exit found }
'
