// The public application's page, as a peer for tests: Express and node-redis. It answers with what Redis says, as it says it.

const express = require("express");
const redis = require("redis");

const ledger = redis.createClient({ url: process.argv[2] });
ledger.on("error", (error) => console.error(`Redis: ${error}`));
const app = express();

app.get("/", (_request, response) => response.redirect("/index.html"));

app.get("/json", async (_request, response, failed) => {
    try {
        const coins = await ledger.hLen("wallet");
        const hashes = await ledger.get("hashes");
        response.json({ coins, hashes, now: Date.now() / 1000 });
    } catch (error) {
        failed(error);
    }
});

ledger.connect().then(() => {
    const server = app.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port} listens`));
});
