//! Facts about the machine that measures.

use std::fs;

use crate::result::Machine;

/// What this machine is; a fact that the system does not tell stays empty.
pub fn here() -> Machine {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let uname = rustix::system::uname();
    Machine {
        hostname: kit::host::name(),
        os: value(&release, "PRETTY_NAME", '=').trim_matches('"').to_owned(),
        kernel: format!("{} {}", uname.sysname().to_string_lossy(), uname.release().to_string_lossy()),
        cpu: value(&processor, "model name", ':').to_owned(),
        cpus: std::thread::available_parallelism().map_or(0, |count| count.get() as u32),
        memory_bytes: value(&memory, "MemTotal", ':').trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024,
        engine: None,
        nodes: Vec::new(),
    }
}

/// The value behind a key at the beginning of a line.
fn value<'a>(text: &'a str, key: &str, separator: char) -> &'a str {
    let found = text.lines().find_map(|line| {
        let (name, value) = line.split_once(separator)?;
        (name.trim() == key).then_some(value.trim())
    });
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_key() {
        let text = "model\t\t: 6\nmodel name\t: A CPU @ 2 GHz\nmodel name\t: second\n";
        assert_eq!(value(text, "model name", ':'), "A CPU @ 2 GHz");
        assert_eq!(value(text, "memory", ':'), "");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_processors_and_memory() {
        let machine = here();
        assert!(
            machine.cpus > 0 && machine.memory_bytes > 1 << 20 && machine.kernel.starts_with("Linux"),
            "{machine:?}"
        );
    }
}
