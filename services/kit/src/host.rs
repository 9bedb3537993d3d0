//! Facts about the machine or container that the program runs on.

/// The host's name, as `hostname` prints it; a container's is its short id unless it was given one.
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Raises the limit of open files to what the system allows, so that thousands of idle connections fit.
pub fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        // A refusal leaves the lower limit, and accepting then waits for a free descriptor: nothing breaks.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}
