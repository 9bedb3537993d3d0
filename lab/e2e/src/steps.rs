//! The steps, in their order. Each builds on those before it.

use std::time::Instant;

use anyhow::{Result, bail};
use futures_util::future::BoxFuture;

use crate::world::World;
use crate::{
    agents, application, compose, faults, lifecycle, limits, measure, network, outside, refusals, serial, updates,
};

/// A step: returns what it saw, in one line.
pub type Step = for<'a> fn(&'a mut World) -> BoxFuture<'a, Result<String>>;

/// Name, and what is done. `up` and `down` are always done.
const STEPS: [(&str, Step); 26] = [
    ("up", lifecycle::up),
    ("refusals", refusals::refusals),
    ("at once", lifecycle::at_once),
    ("images", application::images),
    ("registry", application::registry),
    ("deploy", application::deploy),
    ("reach", network::reach),
    ("tasks", application::tasks),
    ("names", network::names),
    ("scale", application::scale),
    ("bottleneck", measure::bottleneck),
    ("agents", agents::agents),
    ("outside", outside::outside),
    ("service", outside::service),
    ("serial", serial::serial),
    ("pair", serial::pair),
    ("compose", compose::compose),
    ("update", updates::update),
    ("rollback", updates::rollback),
    ("crowd", limits::crowd),
    ("full", limits::full),
    ("drain", faults::drain),
    ("node loss", faults::node_loss),
    ("partition", faults::partition),
    ("restart", faults::restart),
    ("down", lifecycle::down),
];

/// Steps that the application must have been deployed for come after these.
const ALWAYS: [&str; 5] = ["up", "images", "registry", "deploy", "down"];

/// Runs the steps that are named, or all; whatever happens, the cluster is taken away.
///
/// # Errors
/// When a step fails, or a name is of no step.
pub async fn run(wanted: &[String]) -> Result<()> {
    if let Some(unknown) = wanted.iter().find(|name| !STEPS.iter().any(|(step, _)| step == name)) {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        bail!("there is no step {unknown:?}; there are: {}", names.join(", "));
    }
    let mut world = World::new().await?;
    let mut failed = None;
    let mut done = 0;
    for (name, step) in STEPS {
        let named = wanted.is_empty() || ALWAYS.contains(&name) || wanted.iter().any(|other| other == name);
        if !named || (failed.is_some() && name != "down") {
            continue;
        }
        let begun = Instant::now();
        let result = step(&mut world).await;
        let took = begun.elapsed().as_secs_f64();
        match result {
            Ok(saw) => println!("ok      {name:<12} {took:6.1} s  {saw}"),
            Err(error) => {
                println!("FAILED  {name:<12} {took:6.1} s  {error:#}");
                if name != "down" {
                    world.collect_logs().await;
                }
                failed.get_or_insert(name);
            }
        }
        done += 1;
    }
    match failed {
        Some(name) => bail!("step {name} failed"),
        // Both ends are always there, so fewer means that the list was broken.
        None if done < ALWAYS.len() => bail!("only {done} steps were done"),
        None => Ok(()),
    }
}
