#!/bin/sh
# Runs httping and `loadgen ping` in turns against one local server with a known delay, and prints what both saw.
# Run it on a quiet machine: `sh loadgen/ping/beside-httping.sh`. LOADGEN names another binary.
set -eu
cd "$(dirname "$0")/../.."

command -v httping >/dev/null || { echo "httping is not installed: apt install httping" >&2; exit 1; }
cargo build --quiet --release -p loadgen
cargo build --quiet --release -p ping --examples
loadgen=${LOADGEN:-target/release/loadgen}

out=$(mktemp -d)
server=
stop() { exec 3>&- || true; [ -z "$server" ] || wait "$server" || true; server=; }
trap 'stop; rm -rf "$out"' EXIT

# The server ends when the write end of its standard input is closed.
start() {
    rm -f "$out/stdin" "$out/address"; mkfifo "$out/stdin"
    target/release/examples/known_delay "$1" <"$out/stdin" >"$out/address" & server=$!
    exec 3>"$out/stdin"
    tries=0
    until [ -s "$out/address" ] 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 500 ] || { echo "the server has not said its address within 5 s" >&2; exit 1; }
        sleep 0.01
    done
    url=http://$(cat "$out/address")/
}

# row NAME FILE DELAY: nearest-rank percentiles of the times in a file.
row() {
    sort -n "$2" | awk -v name="$1" -v delay="$3" '
        { t[NR] = $1; sum += $1 }
        function at(q) { r = q * NR; i = int(r); if (i < r) i++; return t[i < 1 ? 1 : i] }
        END { printf "| %3d ms | %-12s | %5d | %8.3f | %8.3f | %8.3f | %8.3f | %8.3f |\n",
              delay, name, NR, t[1], at(0.5), sum / NR, at(0.9), t[NR] }'
}

echo "| delay  | tool         | pings |      min |      p50 |     mean |      p90 |      max | (ms)"
echo "|-------:|--------------|------:|---------:|---------:|---------:|---------:|---------:|"
# delay in ms, rounds, pings a round
for case in "0 10 100" "100 5 20"; do
    set -- $case
    start "$1"
    : >"$out/httping"; : >"$out/loadgen"
    round=0
    while [ $round -lt "$2" ]; do
        httping -c "$3" -i 0.01 -m "$url" >>"$out/httping"
        "$loadgen" ping -c "$3" -i 0.01 -m "$url" >>"$out/loadgen"
        round=$((round + 1))
    done
    row httping "$out/httping" "$1"
    row "loadgen ping" "$out/loadgen" "$1"
    stop
done

echo
echo "A sampler at 1000 probes a second against the server without delay:"
start 0
target/release/examples/sampler_cost "$url" 1000 5
