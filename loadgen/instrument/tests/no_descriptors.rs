//! A process that may open few files. The limit is that of the whole process, so this test has one of its own.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use instrument::config::Config;
use instrument::report::Error;
use instrument::target::Target;
use rustix::process::{Resource, Rlimit, setrlimit};

/// The run once waited for ever for the threads that could not start.
#[test]
fn a_thread_that_cannot_start_ends_the_run() {
    let mut config = Config::new(Target::parse("127.0.0.1:9").expect("an address"));
    (config.connections, config.threads) = (16, 16);
    config.duration = Some(Duration::from_secs(1));
    let few = Rlimit { current: Some(24), maximum: Some(24) };
    setrlimit(Resource::Nofile, few).expect("less is always granted");
    let (tell, told) = channel();
    std::thread::spawn(move || tell.send(instrument::run(&config, &AtomicBool::new(false), &mut ()).err()));
    match told.recv_timeout(Duration::from_secs(60)) {
        Ok(error) => assert!(matches!(error, Some(Error::System(_))), "{error:?}"),
        Err(RecvTimeoutError::Timeout) => panic!("it waits for threads that never start"),
        Err(RecvTimeoutError::Disconnected) => panic!("the run panicked"),
    }
}
