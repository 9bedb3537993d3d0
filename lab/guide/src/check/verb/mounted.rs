//! Volumes of services.

use anyhow::Result;
use async_trait::async_trait;

use crate::check::{Finding, Look, Scene, Verb};

/// `mounted`
pub const MOUNTED: Verb = Verb {
    form: "mounted VOLUME SERVICE",
    about: "A volume is mounted into a service's tasks.",
    example: "mounted registry registry",
    generic: false,
    holds_at_first: false,
    read: |args| Ok(Box::new(Mounted { volume: args.text("VOLUME")?, name: args.text("SERVICE")? })),
};

#[derive(Debug)]
struct Mounted {
    volume: String,
    name: String,
}

#[async_trait]
impl Look for Mounted {
    fn what(&self) -> String {
        format!("{} keeps its data in volume {}", self.name, self.volume)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let (name, volume, swarm) = (&self.name, &self.volume, scene.place.swarm().await?);
        swarm.service(name).await?;
        let raw = swarm.engine().docker().inspect_service(name, None).await?;
        let template = raw.spec.and_then(|spec| spec.task_template).and_then(|task| task.container_spec);
        let mounts = template.and_then(|container| container.mounts).unwrap_or_default();
        let has = mounts.iter().any(|mount| mount.source.as_deref() == Some(volume));
        Ok(Finding::when(
            has,
            format!("volume {volume} is mounted"),
            format!("{name} has no volume {volume}, so its data goes when its container goes: create it with --mount"),
        ))
    }
}
