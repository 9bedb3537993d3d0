//! A service on the swarm whose copies share a lock: how much of its work that is, is known, and the sweep has to find it.

use anyhow::{Context as _, Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::measure::steps;
use crate::outside::found;
use crate::world::World;

/// `known`, which is on no list of the application's programs, as an image on every node.
const IMAGE: &str = "127.0.0.1:5000/known:v1";

/// The share of the work that is done under the lock.
const SERIAL: f64 = 0.2;

/// A fifth of the work is done by one copy at a time: N copies do 5·N/(1 + 0.2·(N − 1)) a second, on whatever nodes they are.
pub fn serial(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let image = format!("printf 'FROM scratch\nCOPY known /\nENTRYPOINT [\"/known\"]\n' | docker build -q -t {IMAGE} -f - target/images");
        world.on("head", &format!("{image} && docker push -q {IMAGE}")).await?;
        let listen = "--port 80 --address 0.0.0.0";
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
        Ok(format!("1, 2, 3, 5, 8 replicas do {rates}/s: {SERIAL} of the work is found to be from {low:.3} to {high:.3}"))
    }
    .boxed()
}
