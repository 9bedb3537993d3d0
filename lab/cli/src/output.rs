//! Standard output that takes no more: a full disk, or a reader that has gone.

use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use anyhow::Context as _;

/// How `print!` says, by a panic, that it could not print.
const REFUSED: &str = "failed printing to ";

/// Printing that fails ends the program with one line and 1. Each of the many places that print would have to hand on the error otherwise.
pub fn refusals_end_it() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match refused(panic) {
        Some(why) => {
            // A reader that has gone, as `head` does, wants no more, and no explanation.
            if !why.contains("Broken pipe") {
                // Where standard error is closed too, nobody is left to be told.
                let _ = writeln!(std::io::stderr(), "lab: cannot write to {why}");
            }
            std::process::exit(1);
        }
        None => usual(panic),
    }));
}

fn refused<'a>(panic: &'a PanicHookInfo<'_>) -> Option<&'a str> {
    panic.payload().downcast_ref::<String>()?.strip_prefix(REFUSED)
}

/// What is still in the buffer goes out, or the command has failed.
pub fn written(code: ExitCode) -> anyhow::Result<ExitCode> {
    match std::io::stdout().flush() {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::FAILURE),
        flushed => flushed.context("cannot write to stdout").map(|()| code),
    }
}
