//! Completions for a shell.

use std::process::ExitCode;

use clap::CommandFactory;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lab completions bash > ~/.local/share/bash-completion/completions/lab")]
pub struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

/// Writes the completions to standard output.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // The generators take no refusal: what they write is put together first.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "lab", &mut script);
    anstream::print!("{}", String::from_utf8(script)?);
    Ok(ExitCode::SUCCESS)
}
