//! Facts about the machine or container that the program runs on.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The host's name, as `hostname` prints it; a container's is its short id unless it was given one.
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Processor time that this process has used, in its own code and in the kernel.
pub fn cpu_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().expect("time that was used is not negative")
}

/// How many files and sockets this process may have open.
pub fn file_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Raises the limit of open files to what the system allows.
pub fn raise_file_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // A refusal leaves the lower limit, and accepting then waits for a free descriptor: nothing breaks.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
