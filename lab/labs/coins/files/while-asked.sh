#!/bin/sh
# Was rng updated while it was asked? The file `begun` was written before the
# first question, the file `asked` after the last one.
# Says `within`, or what is not so.
cd ~/work/coins 2>/dev/null && [ -e begun ] && [ -e asked ] || { echo 'nobody has asked rng yet'; exit; }
began=$(date -r begun +%s%N)
ended=$(date -r asked +%s%N)
update=$(docker service inspect --format \
    '{{.UpdateStatus.StartedAt.UnixNano}} {{.UpdateStatus.CompletedAt.UnixNano}}' dockercoins_rng 2>/dev/null) ||
    { echo 'no update of rng has ended yet'; exit; }
if [ "$began" -lt "${update% *}" ] && [ "${update#* }" -lt "$ended" ]; then
    echo within
else
    echo 'the update was not while you asked'
fi
