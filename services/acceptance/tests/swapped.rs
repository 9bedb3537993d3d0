//! The public application's parts beside ours: each of them can be taken from either side.

use std::time::Duration;

use acceptance::{Peer, Service, program};
use redis::Commands;
use serde_json::Value;
use sha2::{Digest, Sha256};
use testbed::{Program, RedisServer, get, post, request, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that a rng or a hasher of either side is asked for, by URL.
struct Servers {
    rng: [String; 2],
    hasher: [String; 2],
    /// Ours, and the peers.
    _running: (Vec<Service>, Vec<Peer>),
}

/// Index of a part of ours, and of a peer.
const SIDES: [usize; 2] = [0, 1];
const OURS: usize = 0;

impl Servers {
    fn start() -> Self {
        let ours = vec![Service::start("rng", &["--delay", "0"]), Service::start("hasher", &["--delay", "0"])];
        let peers = vec![Peer::rng(), Peer::hasher()];
        Self { rng: [ours[0].url(), peers[0].url()], hasher: [ours[1].url(), peers[1].url()], _running: (ours, peers) }
    }
}

fn our_worker(rng: &str, hasher: &str, redis: &str, keep_alive: &str) -> Program {
    #[rustfmt::skip]
    let args = [
        "--rng-url", rng, "--hasher-url", hasher, "--redis-url", redis,
        "--think", "10ms", "--flush-interval", "100ms", "--keep-alive", keep_alive,
    ];
    Program::start(program("worker"), &args)
}

/// Stops a worker of ours, to which the peers gave what it asked for. That they were slow on a busy machine is no matter.
fn stops(mut worker: Program, with: &str) {
    worker.signal("TERM");
    let (code, log) = (worker.wait(), worker.log());
    let refused = ["status", "wrong", "broken"].iter().any(|cause| log.contains(&format!("cause=\"{cause}\"")));
    assert_eq!((code, refused), (Some(0), false), "{with}:\n{log}");
}

/// What `/json` of a page says, as (coins, hashes): a number, and a string as Redis gives it.
fn numbers(page: &str) -> Result<(u64, u64), String> {
    let answer = get(page, "/json")?;
    let json: Value = serde_json::from_str(&answer.body).map_err(|_| format!("{answer:?}"))?;
    assert!(json["now"].as_f64().is_some_and(|now| now > 1e9), "{json}");
    let hashes = json["hashes"].as_str().and_then(|text| text.parse().ok());
    json["coins"].as_u64().zip(hashes).ok_or_else(|| json.to_string())
}

/// One mine of every combination: a worker, and both pages on what it counts.
fn mines(servers: &Servers, redis: &RedisServer, rng: usize, hasher: usize, worker: usize) {
    // A database of its own, so that the mines run side by side.
    let url = format!("{}/{}", redis.url(), rng << 2 | hasher << 1 | worker);
    let combination = format!("rng {rng}, hasher {hasher}, worker {worker} (0 is ours, 1 the peer)");
    let (rng, hasher) = (&servers.rng[rng], &servers.hasher[hasher]);
    let miner = match worker {
        OURS => our_worker(rng, hasher, &url, "false"),
        _ => Peer::worker(rng, hasher, &url).program,
    };
    let (ours, theirs) = (Service::start("webui", &["--redis-url", &url]), Peer::webui(&url));
    let pages = [&ours.address, &theirs.address];
    for page in pages {
        wait_for(&format!("hashes and coins with {combination}"), PATIENCE, || match numbers(page)? {
            (coins, hashes) if coins > 0 && hashes > 20 => Ok(()),
            few => Err(format!("{few:?}, log:\n{}", miner.log())),
        });
    }
    match worker {
        OURS => stops(miner, &combination),
        // It is killed in the middle of whatever it does.
        _ => drop(miner),
    }
    let mut keys = redis::Client::open(url).and_then(|client| client.get_connection()).expect("Redis");
    let counted: u64 = keys.get("hashes").expect("the count");
    let wallet: Vec<(String, Vec<u8>)> = keys.hgetall("wallet").expect("the wallet");
    for (digest, bytes) in &wallet {
        let right: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((digest, bytes.len()), (&right, 32), "{combination}");
        assert!(digest.starts_with('0'), "{combination}: {digest} is no coin");
    }
    for page in pages {
        assert_eq!(numbers(page), Ok((wallet.len() as u64, counted)), "{combination}");
    }
}

#[test]
fn all_sixteen_combinations_mine_count_and_show() {
    let (redis, servers) = (RedisServer::start(), Servers::start());
    std::thread::scope(|scope| {
        for rng in SIDES {
            for hasher in SIDES {
                for worker in SIDES {
                    let (servers, redis) = (&servers, &redis);
                    scope.spawn(move || mines(servers, redis, rng, hasher, worker));
                }
            }
        }
    });
}

#[test]
fn our_worker_keeps_its_connections_to_the_peers() {
    let redis = RedisServer::start();
    let (rng, hasher) = (Peer::rng(), Peer::hasher());
    let worker = our_worker(&rng.url(), &hasher.url(), &redis.url(), "true");
    let mut keys = redis::Client::open(redis.url()).and_then(|client| client.get_connection()).expect("Redis");
    wait_for("some hashes", PATIENCE, || match keys.get::<_, Option<u64>>("hashes").expect("the count") {
        Some(hashes) if hashes > 40 => Ok(()),
        few => Err(format!("{few:?}, log:\n{}", worker.log())),
    });
    stops(worker, "kept connections");
}

/// What fooled us once: a worker that sent no type passed with peers that forgave it.
#[test]
fn a_digest_asked_for_without_a_type_is_refused_by_the_peer() {
    let hasher = Peer::hasher();
    let bytes = [0xff, b'%', b'z', 0x80].repeat(8);
    let ask = |kind: &str| {
        let address = &hasher.address;
        let head =
            format!("POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{kind}Content-Length: 32\r\n\r\n");
        request(address, &head, &bytes).expect("an answer").status
    };
    assert_eq!((ask(""), ask("Content-Type: application/octet-stream\r\n")), (400, 200));
}

#[test]
fn both_sides_answer_alike() {
    let servers = Servers::start();
    let kind = |head: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-type:")).expect("a type");
        line.split([':', ';']).nth(1).expect("a value").trim().to_ascii_lowercase()
    };
    let [rngs, hashers] =
        [&servers.rng, &servers.hasher].map(|urls| urls.each_ref().map(|url| &url["http://".len()..]));
    for [ours, theirs] in [rngs, hashers] {
        let (ours, theirs) = (get(ours, "/").expect("ours"), get(theirs, "/").expect("theirs"));
        assert_eq!((ours.status, &ours.body, kind(&ours.head)), (theirs.status, &theirs.body, kind(&theirs.head)));
    }
    let [ours, theirs] = rngs.map(|rng| get(rng, "/32").expect("bytes"));
    assert_eq!((ours.status, kind(&ours.head)), (theirs.status, kind(&theirs.head)));
    for body in [&b""[..], b"abc", &[0; 5000]] {
        let [ours, theirs] = hashers.map(|hasher| post(hasher, "/", body).expect("a digest"));
        assert_eq!((ours.status, ours.body, kind(&ours.head)), (theirs.status, theirs.body, kind(&theirs.head)));
    }
}
