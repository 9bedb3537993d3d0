"""The public application's page, as a peer for tests: what it reads of Redis, and nothing else."""

import sys
import time

import redis
from flask import Flask, jsonify, redirect

ledger = redis.Redis.from_url(sys.argv[2])
app = Flask(__name__)


@app.get("/")
def page():
    return redirect("/index.html")


@app.get("/json")
def numbers():
    return jsonify(coins=ledger.hlen("wallet"), hashes=ledger.get("hashes").decode(), now=time.time())


app.run(host="127.0.0.1", port=int(sys.argv[1]))
