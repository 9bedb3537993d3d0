//! Services whose limits are known, and have to be found by a sweep: copies that share a lock, and copies that ask another service.

use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::measure::steps;
use crate::outside::found;
use crate::world::World;

/// `known`, which is on no list of the application's programs, as an image on every node.
const IMAGE: &str = "127.0.0.1:5000/known:v1";

/// How it listens there.
const LISTEN: &str = "--port 80 --address 0.0.0.0";

/// Puts it where the nodes find it.
async fn known(world: &World) -> Result<()> {
    let image = format!(
        "printf 'FROM scratch\nCOPY known /\nENTRYPOINT [\"/known\"]\n' | docker build -q -t {IMAGE} -f - target/images"
    );
    world.on("head", &format!("{image} && docker push -q {IMAGE}")).await.map(drop)
}

/// The share of the work that is done under the lock.
const SERIAL: f64 = 0.2;

/// A fifth of the work is done by one copy at a time: N copies do 5·N/(1 + 0.2·(N − 1)) a second, on whatever nodes they are.
pub fn serial(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        known(world).await?;
        let listen = LISTEN;
        world.create("lock", &format!("{IMAGE} lock {listen}")).await?;
        let serve = format!("serve {listen} --time 200ms --serial {SERIAL} --lock lock:80");
        world.create("serial", &format!("{IMAGE} {serve}")).await?;
        let sweep = format!(
            "--service serial --url http://serial/ --replicas 1,2,3,5,8 --load closed:24 --measure 6s --image {}",
            crate::measure::IMAGE
        );
        let sweep = found(world, &sweep).await?;
        world.on("head", "docker service rm serial lock").await?;
        let rates: Vec<String> = steps(&sweep)?
            .iter()
            .map(|step| format!("{:.1}", step["throughput"]["value"].as_f64().unwrap_or(f64::NAN)))
            .collect();
        let rates = rates.join(", ");
        let fits = sweep["fits"].as_array().context("fits")?;
        let chosen = fits.iter().find(|fit| fit["chosen"] == true).context("a law is chosen")?;
        ensure!(chosen["law"] == "amdahl" || chosen["law"] == "usl", "{rates} requests/s are taken for {chosen}");
        let sigma = &chosen["parameters"]["sigma"];
        let end = |name: &str| sigma[name].as_f64().with_context(|| format!("{name} of {sigma}"));
        let (low, high) = (end("low")?, end("high")?);
        // The interval is as narrow as the measurements are good; a busy machine lengthens both parts of the work.
        ensure!(low - 0.05 < SERIAL && SERIAL < high + 0.05, "of {rates} requests/s: {sigma}");
        Ok(format!(
            "1, 2, 3, 5, 8 replicas do {rates}/s: {SERIAL} of the work is found to be from {low:.3} to {high:.3}"
        ))
    }
    .boxed()
}

/// Each request to front is one to store, which has a part of one processor: more of front bring nothing, and store is named.
pub fn pair(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        known(world).await?;
        world.create("store", &format!("--limit-cpu 0.3 {IMAGE} serve {LISTEN} --time 10ms --burn")).await?;
        world.create("front", &format!("{IMAGE} serve {LISTEN} --time 1ms --slots 64 --ask store:80")).await?;
        let sweep = format!(
            "--service front --url http://front/ --replicas 1,2,3 --load closed:12 --measure 6s --image {}",
            crate::measure::IMAGE
        );
        let sweep = found(world, &sweep).await?;
        world.on("head", "docker service rm front store").await?;
        let busy = |step: &serde_json::Value| step["utilisation"]["store"].as_f64().context("how busy store was");
        let busy = steps(&sweep)?.iter().map(busy).collect::<Result<Vec<f64>>>()?;
        ensure!(sweep["verdict"]["bottleneck"] == "store", "store is busy {busy:.2?}: {}", sweep["verdict"]);
        Ok(format!("store is named: it is busy {busy:.2?} of what it may"))
    }
    .boxed()
}
