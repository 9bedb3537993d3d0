//! What is, or is not, as it was when the step began.

use anyhow::Result;
use async_trait::async_trait;

use crate::check::{Args, Finding, Look, Scene, Source, Verb};

/// `changed`
pub const CHANGED: Verb = Verb {
    form: "changed SOURCE",
    about: "SOURCE gives something else than when the step began, and not nothing. SOURCE: `inspect KIND NAME PATH [on NODE]`, `output NODE \"COMMAND\"`, `tasks SERVICE` (identifiers of those that should run), or `body NODE:PORT/PATH`.",
    example: "changed tasks rng else \"Update rng.\"",
    generic: true,
    holds_at_first: false,
    read: |args| read(args, true),
};

/// `unchanged`
pub const UNCHANGED: Verb = Verb {
    form: "unchanged SOURCE",
    about: "SOURCE gives the same as when the step began. It holds before the step, so it is written with `keep`.",
    example: "keep unchanged tasks redis else \"Redis was restarted: leave it alone.\"",
    generic: true,
    holds_at_first: true,
    read: |args| read(args, false),
};

#[derive(Debug)]
struct Changed {
    source: Source,
    wanted: bool,
}

fn read(args: &mut Args, wanted: bool) -> Result<Box<dyn Look>, String> {
    Ok(Box::new(Changed { source: Source::read(args)?, wanted }))
}

#[async_trait]
impl Look for Changed {
    fn what(&self) -> String {
        let word = if self.wanted { "changed since the step began" } else { "unchanged since the step began" };
        format!("{}: {word}", self.source)
    }

    async fn look(&self, scene: &Scene<'_>) -> Result<Finding> {
        let Some(before) = scene.begun.get(&self.source.to_string()) else {
            return Ok(Finding::no("nobody looked when the step began: `lab reset --step N` begins it again"));
        };
        // What cannot be asked any more has changed too; `changed` wants a value, so it says why there is none.
        let now = self.source.value(scene.place).await;
        Ok(match (self.wanted, now) {
            (true, now) => {
                let now = now?;
                Finding::when(!now.is_empty() && now != *before, "it has changed", "it is as it was")
            }
            (false, Ok(now)) => Finding::when(
                now == *before,
                "it is as it was",
                "it has changed (`lab reset --step N` begins the step again)",
            ),
            (false, Err(_)) => Finding::when(before.is_empty(), "it is as it was", "it is not there any more"),
        })
    }

    fn remembers(&self) -> Option<&Source> {
        Some(&self.source)
    }
}
