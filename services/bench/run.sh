#!/usr/bin/env bash
# How fast the services are with their delays at zero, beside nginx, the public application's kind of server, and a client and a
# server that only connect, write, read and close, in one run on an idle machine: services/bench/run.sh [SECONDS]
#
# A server under load is pinned to processor 0, and its client to processor 1; the mine has all processors. Each bar that is missed
# is told at the end, with exit code 1. Figures of the public application, for the ratios: 3,900/s and 4,600/s of one core for rng
# and hasher, 750 hashes/s of the mine.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-5}
packages="wrk nginx-light redis-server openssl util-linux procps gawk python3-flask ruby-sinatra puma"
python=/usr/bin/python3
for tool in cargo wrk nginx redis-server redis-cli openssl taskset pgrep getconf awk puma $python; do
    command -v "$tool" >/dev/null || { echo "bench: $tool is missing; apt-get install $packages" >&2; exit 1; }
done
$python -c 'import flask' 2>/dev/null || { echo "bench: flask is missing; apt-get install $packages" >&2; exit 1; }
ruby -e 'require "sinatra/base"' 2>/dev/null || { echo "bench: sinatra is missing; apt-get install $packages" >&2; exit 1; }
[ "$(getconf _NPROCESSORS_ONLN)" -ge 2 ] || { echo "bench: a server and its client need two processors, here is one" >&2; exit 1; }
cargo build --release --locked --quiet -p rng -p hasher -p worker -p bound
bin=${CARGO_TARGET_DIR:-target}/release
tmp=$(mktemp -d)
running=()
missed=()
stop_all() { for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done; wait 2>/dev/null || true; running=(); }
trap 'stop_all; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

port() { $python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# Starts a program in the background, waits until its port answers, and puts its process id into the variable NAME.
start() { # NAME PORT COMMAND...
    local name=$1 port=$2; shift 2
    "$@" >"$tmp/$name.log" 2>&1 &
    running+=($!)
    printf -v "$name" %s $!
    for _ in $(seq 1000); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return; sleep 0.02; done
    echo "bench: $name does not answer:" >&2; cat "$tmp/$name.log" >&2; exit 1
}
# Processor time of a process and its children's, in microseconds.
cpu_us() { local total=0; for pid in "$1" $(pgrep -P "$1" || true); do read -r -a f <"/proc/$pid/stat"; total=$((total + f[13] + f[14])); done; echo $((total * 1000000 / $(getconf CLK_TCK))); }
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
bar() { # WHAT FIGURE at-least|at-most BOUND
    if awk -v a="$2" -v b="$4" -v how="$3" 'BEGIN { exit how == "at-least" ? a < b : a > b }'; then
        echo "  ok      $1: $2, ${3/-/ } $4"
    else
        echo "  MISSED  $1: $2, ${3/-/ } $4"
        missed+=("$1")
    fi
}

# wrk against one server: prints requests/s and µs of the server's CPU a request.
load() { # PID URL [SCRIPT]
    local before after out
    taskset -c 1 wrk -t1 -c16 -d1s ${3:+-s "$3"} "$2" >/dev/null
    before=$(cpu_us "$1")
    out=$(taskset -c 1 wrk -t1 -c16 -d"${seconds}s" ${3:+-s "$3"} "$2")
    after=$(cpu_us "$1")
    # An error is often quick, and would count as a request.
    if grep Non-2xx <<<"$out" >&2; then echo "bench: $2 gave errors" >&2; exit 1; fi
    awk -v cpu=$((after - before)) '/requests in/ { n = $1 } /Requests\/sec/ { printf "%.0f %.2f\n", $2, cpu / n }' <<<"$out"
}

cat >"$tmp/post.lua" <<'E2'
wrk.method = "POST"
wrk.body = string.rep("x", 32)
E2
nginx_port=$(port)
cat >"$tmp/nginx.conf" <<E2
daemon off; worker_processes 1; pid $tmp/nginx.pid; error_log $tmp/nginx.err;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path $tmp; proxy_temp_path $tmp; fastcgi_temp_path $tmp;
  uwsgi_temp_path $tmp; scgi_temp_path $tmp;
  server { listen 127.0.0.1:$nginx_port; location / { return 200 "0123456789abcdef0123456789abcdef"; } } }
E2
first_answer_ms() { # PORT COMMAND...: from starting a program to its first answer
    $python - "$@" <<'E2'
import socket, subprocess, sys, time
times = []
for _ in range(5):
    begin = time.monotonic()
    program = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
                s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                s.recv(100)
                break
        except ConnectionRefusedError:
            time.sleep(0.0002)
    times.append(1000 * (time.monotonic() - begin))
    program.kill(); program.wait()
print(f"{sorted(times)[2]:.1f}")
E2
}

rng_port=$(port); hasher_port=$(port)
echo "Start, and memory"
for name in rng hasher; do
    p=$name"_port"
    bar "$name, ms to its first answer" "$(first_answer_ms "${!p}" $bin/$name --listen "127.0.0.1:${!p}" --delay 0)" at-most 5
done
start nginx "$nginx_port" taskset -c 0 nginx -c "$tmp/nginx.conf" -e "$tmp/nginx.err"
start rng "$rng_port" taskset -c 0 $bin/rng --listen "127.0.0.1:$rng_port" --delay 0 --log-level error
start hasher "$hasher_port" taskset -c 0 $bin/hasher --listen "127.0.0.1:$hasher_port" --delay 0 --log-level error
for name in rng hasher; do bar "$name, kB idle" "$(rss_kb "${!name}")" at-most 4096; done

echo "One server on one core, wrk with 16 connections on another, $seconds s a row, five rounds"
for round in 1 2 3 4 5; do
    for name in nginx rng hasher; do
        p=$name"_port"; path=; script=
        [ $name = rng ] && path=32
        [ $name = hasher ] && script=$tmp/post.lua
        read -r rate cpu < <(load "${!name}" "http://127.0.0.1:${!p}/$path" $script)
        echo "$rate" >>"$tmp/$name.rate"; echo "$cpu" >>"$tmp/$name.cpu"
        echo "  $round $name: $rate/s, $cpu µs of CPU a request"
    done
done
for name in rng hasher; do
    public=3900; [ $name = hasher ] && public=4600
    rate=$(median <"$tmp/$name.rate")
    echo "  $name: $(ratio "$rate" $public) times the public one's rate"
    bar "$name, rate by nginx's (medians)" "$(ratio "$rate" "$(median <"$tmp/nginx.rate")")" at-least 1
    bar "$name, CPU a request by nginx's (medians)" "$(ratio "$(median <"$tmp/$name.cpu")" "$(median <"$tmp/nginx.cpu")")" at-most 1.1
    bar "$name, kB under load" "$(rss_kb "${!name}")" at-most 4096
done

echo "hasher streaming 1 GB on one core, the client on the other; openssl speed by the clock, too"
cat >"$tmp/send.py" <<'E2'
import socket, sys, time
size, piece = 1_000_000_000, bytes(1 << 20)
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
    begin = time.monotonic()
    s.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size)
    left = size
    while left:
        left -= s.send(piece[: min(left, len(piece))])
    assert s.recv(1000).startswith(b"HTTP/1.1 200")
    print(f"{size / (time.monotonic() - begin):.0f}")
E2
for round in 1 2 3; do
    sha=$(taskset -c 0 openssl speed -elapsed -seconds 1 -evp sha256 -bytes 16384 2>/dev/null | awk '/^(sha256|SHA256)/ { print $2 * 1000 }')
    speed=$(taskset -c 1 $python "$tmp/send.py" "$hasher_port")
    awk -v r="$round" -v s="$speed" -v o="$sha" 'BEGIN { printf "  %d %.0f MB/s, %.0f %% of openssl with %.0f MB/s\n", r, s / 1e6, 100 * s / o, o / 1e6 }'
done
stop_all

echo "The public application's kind of server (Flask, Sinatra), in the same run"
for name in rng hasher; do
    p=$(port); path=32; script=; server=($python services/acceptance/peers/rng.py "$p")
    if [ $name = hasher ]; then
        path=; script=$tmp/post.lua
        server=(puma --quiet --environment production --bind "tcp://127.0.0.1:$p" services/acceptance/peers/hasher.ru)
    fi
    DELAY=0 start peer "$p" taskset -c 0 "${server[@]}"
    read -r rate cpu < <(load "$peer" "http://127.0.0.1:$p/$path" $script)
    echo "  $name: $rate/s, $cpu µs of CPU a request; ours is $(ratio "$(median <"$tmp/$name.rate")" "$rate") times as fast"
    stop_all
done

# Ten clients that do nothing else than what a worker's connections cannot do without, and two servers: prints rounds/s, of two
# connections each like a hash.
bound() {
    local askers=() total=0
    start rng "$rng_port" $bin/bound serve "$rng_port" 128
    start hasher "$hasher_port" $bin/bound serve "$hasher_port" 160
    for number in $(seq 10); do
        $bin/bound ask "$seconds" "$rng_port:64" "$hasher_port:144" >"$tmp/asker.$number" &
        askers+=($!)
    done
    wait "${askers[@]}"
    for number in $(seq 10); do total=$((total + $(cat "$tmp/asker.$number"))); done
    stop_all
    echo $((total / seconds))
}
mine() { # KEEP-ALIVE: prints hashes/s, and kB of memory of a worker
    local workers=() before after began ended memory
    start redis "$redis_port" redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --dir "$tmp"
    start rng "$rng_port" $bin/rng --listen "127.0.0.1:$rng_port" --delay 0 --concurrency 0 --log-level error
    start hasher "$hasher_port" $bin/hasher --listen "127.0.0.1:$hasher_port" --delay 0 --log-level error
    for _ in $(seq 10); do
        $bin/worker --rng-url "http://127.0.0.1:$rng_port" --hasher-url "http://127.0.0.1:$hasher_port" \
            --redis-url "redis://127.0.0.1:$redis_port" --think 0 --keep-alive "$1" --log-level error >&2 &
        workers+=($!); running+=($!)
    done
    sleep 2
    before=$(redis-cli -p "$redis_port" get hashes); began=$(date +%s.%N)
    sleep "$seconds"
    after=$(redis-cli -p "$redis_port" get hashes); ended=$(date +%s.%N)
    memory=$(rss_kb "${workers[0]}")
    kill "${workers[@]}"; wait "${workers[@]}" || true
    stop_all
    awk -v n=$((after - before)) -v a="$began" -v b="$ended" -v m="$memory" 'BEGIN { printf "%.0f %d\n", n / (b - a), m }'
}
redis_port=$(port)
echo "The whole mine: rng, hasher, a real Redis and 10 workers on all processors, $seconds s a row, three rounds"
for round in 1 2 3; do
    bound=$(bound); echo "$bound" >>"$tmp/bound"
    read -r closed memory < <(mine false); echo "$closed" >>"$tmp/closed"
    read -r kept _ < <(mine true); echo "$kept" >>"$tmp/kept"
    echo "  $round connect, write, read, close and nothing else: $bound rounds/s; a connection a request: $closed hashes/s;" \
        "connections kept: $kept hashes/s; a worker takes $memory kB"
done
closed=$(median <"$tmp/closed"); kept=$(median <"$tmp/kept")
echo "  a connection a request: $(ratio "$closed" 750) times the public 750/s; kept: $(ratio "$kept" 750) times"
bar "the mine with a connection a request, by the bound (medians)" "$(ratio "$closed" "$(median <"$tmp/bound")")" at-least 0.85
bar "the mine with connections kept, hashes/s" "$kept" at-least 30000
[ ${#missed[@]} = 0 ] || { printf 'missed: %s\n' "${missed[@]}"; exit 1; }
