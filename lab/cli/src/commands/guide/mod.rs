//! The guided labs: one file a command, or a few that belong together.

pub mod author;
pub mod catalogue;
pub mod class;
mod keys;
pub mod map;
mod session;
mod step;
pub mod walk;

use ::guide::lab::Lab;
use ::guide::render::Style;

/// Which nodes the labs run on.
#[derive(Debug, Clone, clap::Args)]
pub struct Nodes {
    /// The `lab cluster` that the labs run on; on machines that /etc/swarmlab/nodes names, those
    #[arg(long, env = "LAB_CLUSTER", default_value = cluster::DEFAULT_NAME, value_name = "NAME")]
    cluster: cluster::Name,
}

/// Which labs the class does.
#[derive(Debug, Clone, clap::Args)]
pub struct Syllabus {
    /// File with the class's labs, one a line as `web/2`, in their order; all labs without it
    #[arg(long, env = "LAB_SYLLABUS", value_name = "FILE")]
    syllabus: Option<std::path::PathBuf>,
}

impl Syllabus {
    /// The labs, in the order of the class.
    fn labs(&self) -> anyhow::Result<Vec<Lab>> {
        ::guide::syllabus::labs(self.syllabus.as_deref())
    }

    /// Whether the class has a list of its own.
    fn given(&self) -> bool {
        self.syllabus.is_some()
    }

    /// The lab after this one: the next of the class, or else of its track.
    fn next(&self, lab: &Lab) -> anyhow::Result<Option<Lab>> {
        let mut after = self.labs()?.into_iter().skip_while(|one| one.id() != lab.id()).skip(1);
        Ok(after.next().filter(|next| self.syllabus.is_some() || next.track == lab.track))
    }
}

/// The terminal's width up to what reads well, and colours where it has them.
pub fn style() -> Style {
    use std::io::IsTerminal as _;
    let terminal = std::io::stdout().is_terminal();
    let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    Style { width: width.clamp(40, 100), colour: terminal && wanted && !dumb }
}
