"""The public application's worker, as a peer for tests: it counts in Redis and announces nothing."""

import os
import time

import redis
import requests

RNG, HASHER, REDIS = os.environ["RNG"], os.environ["HASHER"], os.environ["REDIS"]
THINK = float(os.environ.get("THINK", "0.1"))
ledger = redis.Redis.from_url(REDIS)
done, last = 0, time.time()
while True:
    time.sleep(THINK)
    data = requests.get(f"{RNG}/32", timeout=10).content
    digest = requests.post(f"{HASHER}/", data=data, headers={"Content-Type": "application/octet-stream"}, timeout=10).text
    if digest.startswith("0"):
        ledger.hset("wallet", digest, data)
    done += 1
    if time.time() > last + 1:
        ledger.incrby("hashes", done)
        done, last = 0, time.time()
