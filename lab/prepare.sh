# What check.sh and lab/vm/run.sh share: packages that are installed, and a Docker engine that runs. Sourced by bash.

# What a `lab cluster` and its images are made with.
ENGINE_PACKAGES=(docker.io debootstrap iproute2 iptables)
STARTED_ENGINE=

say() { printf '\n== %s (%s)\n' "$1" "$(date +%T)"; }

# Installs those packages that are missing. A service that a package would start stays stopped: tests start their own.
install() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || { echo "install these by hand: ${missing[*]}" >&2; exit 1; }
    say "installing ${missing[*]}"
    local root=()
    [ "$(id -u)" = 0 ] || root=(sudo)
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

start_engine() {
    docker version >/dev/null 2>&1 && return
    command -v dockerd >/dev/null || { echo "dockerd is not installed" >&2; exit 1; }
    say "starting a Docker engine"
    local log=target/dockerd.log
    mkdir -p target
    # In a session of its own, so that ^C here does not stop it before the cluster is taken away.
    setsid dockerd >"$log" 2>&1 &
    STARTED_ENGINE=$!
    for _ in $(seq 60); do
        docker version >/dev/null 2>&1 && return
        sleep 0.5
    done
    echo "the Docker engine did not start within 30 s; its log ends:" >&2
    tail -n 20 "$log" >&2
    exit 1
}

stop_engine() {
    [ -n "$STARTED_ENGINE" ] || return 0
    kill "$STARTED_ENGINE" 2>/dev/null || true
    wait "$STARTED_ENGINE" 2>/dev/null || true
}
