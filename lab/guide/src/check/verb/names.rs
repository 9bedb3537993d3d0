//! What a name resolves to inside a service.

use anyhow::Result;
use async_trait::async_trait;

use crate::check::compare::{self, Demand};
use crate::check::{Args, Finding, Look, Scene, Verb, names};

/// `names`
pub const NAMES: Verb = Verb {
    form: "names NAME from SERVICE is V|not V|holds T|lacks T|matches RE|count N|empty|there...",
    about: "The IPv4 addresses that NAME has inside a container of SERVICE (of a swarm, of compose, or a container's name), with a blank between, are so.",
    example: "names tasks.rng from worker count 3 else \"Scale rng to 3.\"",
    generic: true,
    holds_at_first: false,
    read,
};

#[derive(Debug)]
struct Names {
    name: String,
    from: String,
    demands: Vec<Demand>,
}

fn read(args: &mut Args) -> Result<Box<dyn Look>, String> {
    let name = args.text("NAME")?;
    args.expect("from")?;
    Ok(Box::new(Names { name, from: args.text("SERVICE")?, demands: compare::some(args)? }))
}

#[async_trait]
impl Look for Names {
    fn what(&self) -> String {
        format!("the address of {} inside {} {}", self.name, self.from, compare::words(&self.demands))
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let found = names::resolve(scene.place, &self.from, &self.name).await?;
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        let said = if found.is_empty() { "the name is unknown there".to_owned() } else { found.join(" ") };
        let met = self.demands.iter().all(|demand| demand.met(&found.join(" ")));
        Ok(Finding::when(met, said.clone(), said))
    }
}
