//! What cannot be done is said in a line that helps.

use anyhow::{Result, ensure};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::world::{CLUSTER, World};

/// Arguments, environment, and a part of what is said.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);

/// Wrong names, wrong places, and things that are there already.
pub fn refusals(world: &mut World) -> BoxFuture<'_, Result<String>> {
    async move {
        let worker = format!("unix:///run/swarmlab/{CLUSTER}/worker-1.sock");
        let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
        let port = format!("{}:8000", taken.local_addr()?.port());
        let none = ("DOCKER_HOST", "unix:///nonexistent.sock");
        let cases: [Case<'_>; 10] = [
            (&["cluster", "up", "--name", CLUSTER], &[], "is there already"),
            (&["cluster", "up", "--name", "Not A Name"], &[], "--name"),
            (&["cluster", "up", "--name", "other", "--publish", &port], &[], "stop what uses it"),
            (
                &["cluster", "up", "--name", "other", "--publish", "none", "--image", "nonsuch:1"],
                &[],
                "cannot pull nonsuch:1",
            ),
            (&["cluster", "stop", "worker-9", "--name", CLUSTER], &[], "there are: head, worker-1, worker-2"),
            (&["cluster", "status", "--name", "nonsuch"], &[], "there is no cluster nonsuch"),
            (&["cluster", "load", "nonsuch:1", "--name", CLUSTER], &[], "there is no image nonsuch:1"),
            (&["tasks", "nonsuch", "--cluster", CLUSTER], &[], "there is no service nonsuch"),
            (&["tasks", "--host", &worker], &[], "only a manager"),
            (&["cluster", "up"], &[none], "no Docker engine answers"),
        ];
        for (arguments, environment, expected) in cases {
            let said = world.lab_with(arguments, environment).await?;
            ensure!(
                !said.well && said.text.contains(expected),
                "`lab {}` said {:?}, without {expected:?}",
                arguments.join(" "),
                said.text
            );
        }
        ensure!(world.outer.nodes(Some("other")).await?.is_empty(), "a refused cluster left nodes behind");
        Ok(format!("{} refusals, each with its remedy", cases.len()))
    }
    .boxed()
}
