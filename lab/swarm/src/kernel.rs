//! What the kernel of this machine offers to a Swarm.

use std::fs;
use std::path::Path;

/// Whether a module of the kernel can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Module {
    /// Loaded or built in.
    Present,
    /// On disk: loaded on first use by an engine that may, or by `modprobe`.
    Loadable,
    /// Neither: this kernel was built without it.
    Missing,
}

/// Whether this kernel can balance virtual IPs.
///
/// Without IPVS every connection to a service's virtual IP hangs and every port published through the routing mesh
/// refuses, although services start and names resolve.
pub fn ipvs() -> Module {
    module("ip_vs", Path::new("/"))
}

/// Whether this kernel can carry overlay networks between nodes.
pub fn vxlan() -> Module {
    module("vxlan", Path::new("/"))
}

/// Whether this kernel can mount NFS.
pub fn nfs() -> Module {
    module("nfs", Path::new("/"))
}

/// Looks for a module in the tree that starts at `root`.
fn module(name: &str, root: &Path) -> Module {
    let sign = match name {
        "ip_vs" => Some("proc/net/ip_vs"),
        _ => None,
    };
    if sign.is_some_and(|sign| root.join(sign).exists()) || root.join("sys/module").join(name).exists() {
        return Module::Present;
    }
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let loaded = read("proc/modules");
    if loaded.lines().any(|line| line.split(' ').next() == Some(name)) {
        return Module::Present;
    }
    let release = read("proc/sys/kernel/osrelease");
    let modules = format!("lib/modules/{}", release.trim());
    let file = format!("/{name}.ko");
    if read(&format!("{modules}/modules.builtin")).lines().any(|line| line.contains(&file)) {
        return Module::Present;
    }
    if read(&format!("{modules}/modules.dep"))
        .lines()
        .any(|line| line.split(':').next().is_some_and(|path| path.contains(&file)))
    {
        return Module::Loadable;
    }
    Module::Missing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn each_sign_of_a_module_is_read() {
        let release = ("proc/sys/kernel/osrelease", "6.1.0\n");
        let cases: [(&[(&str, &str)], Module); 6] = [
            (&[], Module::Missing),
            (&[("proc/net/ip_vs", "")], Module::Present),
            (&[("proc/modules", "ip_vs_rr 16384 0\nip_vs 200704 2 ip_vs_rr, Live 0x0\n")], Module::Present),
            (&[("proc/modules", "ip_vs_rr 16384 0\n")], Module::Missing),
            (
                &[release, ("lib/modules/6.1.0/modules.builtin", "kernel/net/netfilter/ipvs/ip_vs.ko\n")],
                Module::Present,
            ),
            (
                &[release, ("lib/modules/6.1.0/modules.dep", "kernel/net/netfilter/ipvs/ip_vs.ko.xz: kernel/x.ko\n")],
                Module::Loadable,
            ),
        ];
        for (files, expected) in cases {
            assert_eq!(module("ip_vs", tree(files).path()), expected, "{files:?}");
        }
    }
}
