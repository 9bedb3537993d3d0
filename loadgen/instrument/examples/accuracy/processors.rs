//! Who runs where, and before whom. The server spins, and a generator that the scheduler puts beside it waits for whole time
//! slices; so does one that wakes while another program's slice lasts.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How the machine is divided between the server and its clients.
#[derive(Clone, Copy)]
pub struct Processors {
    server: Option<CpuSet>,
    real_time: bool,
}

impl Processors {
    /// Keeps this thread, and every program that it starts, off one processor, and gives that one away: for the server,
    /// where there are two. The clients get real-time priority where this user may give it.
    pub fn divide() -> Self {
        let server = give_one_away();
        if server.is_none() {
            eprintln!("accuracy: there is one processor only, and the server takes it from the clients");
        }
        let trial = Command::new("chrt").args(["--fifo", "1", "true"]).stderr(Stdio::null()).status();
        let real_time = trial.is_ok_and(|status| status.success());
        if !real_time {
            eprintln!("accuracy: no real-time priority (root has it): other programs' time slices count as errors");
        }
        Processors { server, real_time }
    }

    /// A command that runs a client.
    pub fn client(&self, program: impl AsRef<OsStr>) -> Command {
        if !self.real_time {
            return Command::new(program);
        }
        let mut command = Command::new("chrt");
        command.args(["--fifo", "1"]).arg(program);
        command
    }

    /// Puts this thread, the server's, on its processor, before others there where this user may do so.
    pub fn enter_server(&self) {
        if let Some(server) = &self.server {
            sched_setaffinity(None, server).expect("the processor was there just before");
        }
        // It is never asleep: with real-time priority the kernel would take a twentieth of its time for others.
        let _ = rustix::process::setpriority_process(None, -20);
    }
}

fn give_one_away() -> Option<CpuSet> {
    let mut others = sched_getaffinity(None).ok()?;
    let first = (0..CpuSet::MAX_CPU).find(|cpu| others.is_set(*cpu)).filter(|_| others.count() > 1)?;
    others.unset(first);
    sched_setaffinity(None, &others).ok()?;
    let mut server = CpuSet::new();
    server.set(first);
    Some(server)
}
