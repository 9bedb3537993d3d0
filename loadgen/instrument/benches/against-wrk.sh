#!/bin/sh
# Processor time a request and throughput, beside wrk, in one interleaved run against nginx with a 32-byte answer.
# One client thread, pinned to processor 1; nginx has one worker, pinned to processor 0. wrk is given the one header that
# loadgen sends beside its own, so that nginx reads the same bytes from both.
#
#   loadgen/instrument/benches/against-wrk.sh [rounds] [seconds]
#
# Needs nginx, wrk, taskset and a release build of loadgen. The last lines are the ratios, ours divided by wrk's.
set -eu
rounds=${1:-5}
seconds=${2:-3}
root=$(cd "$(dirname "$0")/../../.." && pwd)
loadgen=${LOADGEN:-$root/target/release/loadgen}
for program in nginx wrk taskset python3 "$loadgen"; do
    command -v "$program" >/dev/null || { echo "missing: $program" >&2; exit 1; }
done
work=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/nginx.conf" <<EOF
daemon off;
worker_processes 1;
worker_cpu_affinity 01;
pid $work/pid;
error_log $work/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path $work/body; proxy_temp_path $work/proxy; fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi;
    server {
        listen 127.0.0.1:$port;
        location / { default_type application/octet-stream; return 200 "0123456789abcdef0123456789abcdef"; }
    }
}
EOF
nginx -c "$work/nginx.conf" & server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$work"' EXIT
url=http://127.0.0.1:$port/
for _ in $(seq 100); do python3 -c "import urllib.request; urllib.request.urlopen('$url')" 2>/dev/null && break; sleep 0.05; done
python3 - "$loadgen" "$url" "$rounds" "$seconds" <<'EOF'
import os, re, resource, statistics, subprocess, sys
loadgen, url, rounds, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]

version = subprocess.run([loadgen, "--version"], capture_output=True, text=True).stdout.split()[1]
agent = f"User-Agent: loadgen/{version}"

def run(command):
    """Processor time of the command in seconds, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["taskset", "-c", "1", *command], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout

def wrk(connections):
    cpu, text = run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", agent, url])
    count = int(re.search(r"(\d+) requests in", text)[1])
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", text)[1])
    return cpu / count * 1e6, rate

def ours(connections):
    cpu, text = run([loadgen, "bench", "--threads", "1", f"-c{connections}", f"-d{seconds}s", "--drain", "0s", url])
    count = int(re.search(r"([\d,]+) due =", text)[1].replace(",", ""))
    rate = float(re.match(r"([\d,.]+) requests/s", text)[1].replace(",", ""))
    return cpu / count * 1e6, rate

print(f"{'conns':>5} {'round':>5} {'wrk µs':>8} {'ours µs':>8} {'wrk req/s':>10} {'ours req/s':>10}")
verdicts = []
for connections in (16, 64):
    cpu, rate = [], []
    for round in range(rounds):
        pair = (wrk, ours) if round % 2 == 0 else (ours, wrk)
        results = {tool.__name__: tool(connections) for tool in pair}
        (wc, wr), (oc, orate) = results["wrk"], results["ours"]
        cpu.append(oc / wc)
        rate.append(orate / wr)
        print(f"{connections:>5} {round:>5} {wc:>8.2f} {oc:>8.2f} {wr:>10.0f} {orate:>10.0f}", flush=True)
    verdicts.append(f"{connections} connections: processor time a request {statistics.median(cpu):.3f} of wrk's "
                    f"(from {min(cpu):.3f} to {max(cpu):.3f}), throughput {statistics.median(rate):.3f} of wrk's")
print(*verdicts, sep="\n")
EOF
