//! How a command that sends load is ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::commands::draw;

/// A flag that the first ^C or SIGTERM sets, which ends the run with a summary. The second ends the program at once.
pub fn stop_on_signals() -> std::io::Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if flag.swap(true, Ordering::Relaxed) {
                draw::give_back();
                // Both signals have a default, which is to end the program.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    })?;
    Ok(stop)
}
