#!/usr/bin/env bash
# How fast the services are with their delays at zero, beside nginx and the public application's kind of server, in one
# run: services/bench/run.sh [SECONDS]
#
# Needs wrk, nginx, redis-server, openssl, and for the peers Flask and Sinatra (Debian: wrk nginx-light
# redis-server openssl python3-flask ruby-sinatra puma). Servers are pinned to processor 0 and the client to processor 1. Figures
# of the public application, for the ratios: 3,900/s and 4,600/s of one core for rng and hasher, 750 hashes/s of the mine.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-5}
for tool in wrk nginx redis-server redis-cli openssl taskset curl; do
    command -v "$tool" >/dev/null || { echo "bench: $tool is missing; apt-get install wrk nginx-light redis-server openssl curl" >&2; exit 1; }
done
cargo build --release --locked --quiet -p rng -p hasher -p worker
bin=target/release
tmp=$(mktemp -d)
running=()
stop_all() { for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done; wait 2>/dev/null || true; running=(); }
trap 'stop_all; rm -rf "$tmp"' EXIT

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# Starts a program on processor 0, or wherever the third argument says, and waits until its port answers.
start() { # NAME PORT COMMAND...
    local name=$1 port=$2; shift 2
    "$@" >"$tmp/$name.log" 2>&1 &
    running+=($!)
    printf -v "$name" %s $!
    for _ in $(seq 200); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return; sleep 0.02; done
    echo "bench: $name does not answer:" >&2; cat "$tmp/$name.log" >&2; exit 1
}
# Processor time of a process and its children's, in microseconds.
cpu_us() { local total=0; for pid in "$1" $(pgrep -P "$1" || true); do read -r -a f <"/proc/$pid/stat"; total=$((total + f[13] + f[14])); done; echo $((total * 1000000 / $(getconf CLK_TCK))); }
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

# wrk against one server: prints requests/s and µs of the server's CPU a request.
load() { # PID URL [SCRIPT]
    local before after out
    taskset -c 1 wrk -t1 -c16 -d1s ${3:+-s "$3"} "$2" >/dev/null
    before=$(cpu_us "$1")
    out=$(taskset -c 1 wrk -t1 -c16 -d"${seconds}s" ${3:+-s "$3"} "$2")
    after=$(cpu_us "$1")
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
first_answer_ms() { # NAME PORT COMMAND...: from starting a program to its first answer
    python3 - "$@" <<'E2'
import socket, subprocess, sys, time
best = []
for _ in range(5):
    begin = time.monotonic()
    program = subprocess.Popen(sys.argv[3:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as s:
                s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                s.recv(100)
                break
        except ConnectionRefusedError:
            time.sleep(0.0005)
    best.append(1000 * (time.monotonic() - begin))
    program.kill(); program.wait()
print(f"{sorted(best)[2]:.0f}")
E2
}

echo "Start, and memory (limits: 20 ms to the first answer, 8 MB idle, 12 MB under load)"
rng_port=$(port); hasher_port=$(port)
for name in rng hasher; do
    p=$name"_port"
    echo "  $name: first answer after $(first_answer_ms $name "${!p}" $bin/$name --listen "127.0.0.1:${!p}" --delay 0) ms (median of 5)"
done
start nginx "$nginx_port" taskset -c 0 nginx -c "$tmp/nginx.conf" -e "$tmp/nginx.err"
start rng "$rng_port" taskset -c 0 $bin/rng --listen "127.0.0.1:$rng_port" --delay 0 --log-level error
start hasher "$hasher_port" taskset -c 0 $bin/hasher --listen "127.0.0.1:$hasher_port" --delay 0 --log-level error
echo "  idle: rng $(rss_kb "$rng") kB, hasher $(rss_kb "$hasher") kB"

echo "One server on one core, wrk with 16 connections on another, $seconds s a row, three rounds"
for round in 1 2 3; do
    read -r nginx_rate nginx_cpu < <(load "$nginx" "http://127.0.0.1:$nginx_port/")
    read -r rng_rate rng_cpu < <(load "$rng" "http://127.0.0.1:$rng_port/32")
    read -r hasher_rate hasher_cpu < <(load "$hasher" "http://127.0.0.1:$hasher_port/" "$tmp/post.lua")
    echo "  $round nginx  return 200  $nginx_rate/s, $nginx_cpu µs of CPU a request"
    echo "  $round rng    GET /32     $rng_rate/s, $rng_cpu µs: $(ratio "$rng_rate" 3900) times the public one, CPU $(ratio "$rng_cpu" "$nginx_cpu") times nginx"
    echo "  $round hasher POST 32 B   $hasher_rate/s, $hasher_cpu µs: $(ratio "$hasher_rate" 4600) times the public one, CPU $(ratio "$hasher_cpu" "$nginx_cpu") times nginx"
done
echo "  under load: rng $(rss_kb "$rng") kB, hasher $(rss_kb "$hasher") kB"

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
    speed=$(taskset -c 1 python3 "$tmp/send.py" "$hasher_port")
    awk -v r="$round" -v s="$speed" -v o="$sha" 'BEGIN { printf "  %d %.0f MB/s, %.0f %% of openssl with %.0f MB/s\n", r, s / 1e6, 100 * s / o, o / 1e6 }'
done
stop_all

if command -v puma >/dev/null && /usr/bin/python3 -c 'import flask' 2>/dev/null; then
    echo "The public application's kind of server (Flask, Sinatra), in the same run"
    python=/usr/bin/python3; peers=services/acceptance/peers
    for name in rng hasher; do
        p=$(port)
        server=($python $peers/rng.py "$p")
        [ $name = rng ] || server=(puma --quiet --environment production --bind "tcp://127.0.0.1:$p" $peers/hasher.ru)
        DELAY=0 start peer "$p" taskset -c 0 "${server[@]}"
        path=32; script=; [ $name = hasher ] && { path=; script=$tmp/post.lua; }
        read -r rate cpu < <(load "$peer" "http://127.0.0.1:$p/$path" $script)
        own=$name"_rate"
        echo "  $name: $rate/s, $cpu µs of CPU a request; ours is $(ratio "${!own}" "$rate") times as fast"
        stop_all
    done
fi

echo "The whole mine: rng, hasher, a real Redis and 10 workers on all processors"
redis_port=$(port)
start redis "$redis_port" redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --dir "$tmp"
start rng "$rng_port" $bin/rng --listen "127.0.0.1:$rng_port" --delay 0 --concurrency 0 --log-level error
start hasher "$hasher_port" $bin/hasher --listen "127.0.0.1:$hasher_port" --delay 0 --log-level error
for keep in false true; do
    workers=()
    for _ in $(seq 10); do
        $bin/worker --rng-url "http://127.0.0.1:$rng_port" --hasher-url "http://127.0.0.1:$hasher_port" \
            --redis-url "redis://127.0.0.1:$redis_port" --think 0 --keep-alive $keep --log-level error &
        workers+=($!)
    done
    sleep 2
    before=$(redis-cli -p "$redis_port" get hashes); began=$(date +%s.%N)
    sleep "$((seconds * 2))"
    after=$(redis-cli -p "$redis_port" get hashes); ended=$(date +%s.%N)
    rate=$(awk -v n=$((after - before)) -v a="$began" -v b="$ended" 'BEGIN { printf "%.0f", n / (b - a) }')
    echo "  keep-alive $keep: $rate hashes/s, $(ratio "$rate" 750) times the public 750/s; memory of a worker $(rss_kb "${workers[0]}") kB"
    kill "${workers[@]}"; wait "${workers[@]}" || true
done
