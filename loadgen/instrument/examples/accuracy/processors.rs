//! Who runs where, and before whom. The server spins, and a generator that the scheduler puts beside it waits for whole time
//! slices; so does one that wakes while another program's slice lasts.

use std::ffi::OsStr;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// What this program is called with to keep a processor awake.
pub const AWAKE: &str = "--keep-awake";

/// How the machine is divided between the server and its clients.
#[derive(Clone, Copy)]
pub struct Processors {
    server: Option<CpuSet>,
    real_time: bool,
    clients: u32,
}

/// Keeps the clients' processors awake as long as it is there. One that has nothing to do for some milliseconds goes to sleep, and in a
/// virtual machine wakes now in 5 µs and now in 60: no reading could be told from another. Whatever wants the processor has it at
/// once.
pub struct Awake(Vec<Child>);

impl Drop for Awake {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended already need not be ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What the program that keeps a processor awake does, until whoever started it is gone.
pub fn stay_awake() -> ! {
    // Without it nothing would end the loop.
    set_parent_process_death_signal(Some(Signal::KILL)).expect("the kernel can tell of a parent's end");
    loop {
        std::hint::spin_loop();
    }
}

impl Processors {
    /// Keeps this thread, and every program that it starts, off one processor, and gives that one away: for the server,
    /// where there are two. The clients get real-time priority where this user may give it.
    pub fn divide() -> Self {
        let (server, clients) = give_one_away();
        if server.is_none() {
            eprintln!("accuracy: there is one processor only, and the server takes it from the clients");
        }
        let trial = Command::new("chrt").args(["--fifo", "1", "true"]).stderr(Stdio::null()).status();
        let real_time = trial.is_ok_and(|status| status.success());
        if !real_time {
            eprintln!("accuracy: no real-time priority (root has it): other programs' time slices count as errors");
        }
        Processors { server, real_time, clients }
    }

    /// Keeps the clients' processors awake.
    pub fn keep_awake(&self) -> Awake {
        // On the server's own processor it would be in nobody's way, but of no use: the server never sleeps.
        let spinners = if self.server.is_some() { self.clients } else { 0 };
        let own = std::env::current_exe().expect("this program has a file");
        let start = |_| Command::new("chrt").args(["--idle", "0"]).arg(&own).arg(AWAKE).spawn().ok();
        Awake((0..spinners).filter_map(start).collect())
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

    /// Takes real-time priority from a client's first thread, which shows what the others do: those that send go first.
    pub fn make_ordinary(&self, client: Pid) {
        if self.real_time {
            let client = client.as_raw_nonzero().to_string();
            let _ = Command::new("chrt").args(["--other", "--pid", "0", &client]).stderr(Stdio::null()).status();
        }
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

/// One processor for the server, where there are two, and how many the others are.
fn give_one_away() -> (Option<CpuSet>, u32) {
    let Ok(mut others) = sched_getaffinity(None) else { return (None, 1) };
    let all = others.count();
    let Some(first) = (0..CpuSet::MAX_CPU).find(|cpu| others.is_set(*cpu)).filter(|_| all > 1) else {
        return (None, all);
    };
    others.unset(first);
    if sched_setaffinity(None, &others).is_err() {
        return (None, all);
    }
    let mut server = CpuSet::new();
    server.set(first);
    (Some(server), all - 1)
}
