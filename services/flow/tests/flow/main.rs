//! The queue and the program against a real MariaDB, and the page in a real browser.

mod kills;
mod page;
mod program;
mod queue;
mod world;
