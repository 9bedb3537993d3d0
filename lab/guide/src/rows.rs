//! The checklist: what a course on Swarm has to cover, by the ids that steps name.

/// The rows that labs here cover, with what each is about.
const TITLES: &[(&str, &str)] = &[
    ("S1", "get the application and `docker compose up`"),
    ("S2", "what the application does; micro-services; sections of a compose file"),
    ("S3", "services find one another by name"),
    ("S4", "the web page on port 8000; ^C; running in the background"),
    ("S5", "is there CPU to spare?"),
    ("S6", "2 workers, then 10: is it ten times as fast?"),
    ("S7", "latency of rng and of hasher"),
    ("S8", "take the application down"),
    ("S9", "SwarmKit, Raft, managers and workers, tasks, declarative against imperative"),
    ("S10", "make a swarm on the private interface, port 7777"),
    ("S11", "join, and list the nodes"),
    ("S12", "a registry as a service, and its empty catalog"),
    ("S13", "tag, push and pull an image"),
    ("S14", "build, tag and push the four services"),
    ("S15", "an overlay network, Redis and four services"),
    ("S16", "publish webui"),
    ("S17", "scale the workers, watch the speed; scale rng; tear down"),
    ("L1", "a stack file of the v3 format"),
    ("L2", "sticky sessions: a visitor stays with one task"),
    ("L3", "websockets through the balancer"),
    ("L4", "the flags of Traefik 3"),
    ("L5", "images with a version behind them"),
    ("L6", "labels: network, port, rule, and none of them twice"),
    ("L7", "no port that chance picks"),
    ("L8", "the balancer on a manager, and the Docker socket"),
    ("L9", "a memory limit, and what happens beyond it"),
    ("L10", "settings from the environment: refuse when they are not there"),
    ("L11", "a folder of the node that is not there"),
    ("L12", "an image that one node has"),
    ("L13", "tasks are spread evenly"),
    ("L14", "deploy again: what has not changed runs on"),
    ("L15", "a new image, and no request fails"),
    ("L16", "replicas past the file: drift"),
    ("L17", "`docker stats` sees one node; the dashboard is closed"),
    ("L18", "remove services and stacks"),
    ("L19", "from a commit to what runs"),
    ("E1", "leave an old swarm"),
    ("E2", "the engine's port: TLS on 2376 or a context, never 2375"),
    ("E3", "join tokens, and new ones"),
    ("E4", "reach the manager's API from elsewhere"),
    ("E5", "containers ask a name server of your own"),
    ("E6", "services are created on a manager only"),
    ("E7", "a database that every node reaches by its name"),
    ("E8", "the database as a service: published, reserved CPU, secrets"),
    ("E9", "data that outlive their container"),
    ("E10", "work that ends: a task that is not started again"),
    ("E11", "run a job again"),
    ("E12", "names of services are unique"),
    ("E13", "a folder that all nodes must have"),
    ("E14", "work that runs once on each node"),
    ("E15", "find the node that fails"),
    ("E16", "logs of a service and of a task"),
    ("E17", "what runs where: all task slots by the API"),
    ("E18", "states of a task folded into pending, running, done, failed"),
    ("E19", "more workers by one more service of the same image"),
    ("M1", "versions of the client and of the server's API"),
    ("M2", "a registry that every machine reaches"),
    ("M3", "log in to a registry without showing the password"),
    ("M4", "push by compose"),
    ("M5", "an NFS volume on every node"),
    ("M6", "the ingress network with a subnet of one's own"),
    ("M7", "private addresses, not somebody else's"),
    ("M8", "an overlay's subnet in the stack file"),
    ("M9", "the registry's password for the workers: `--with-registry-auth`"),
    ("M10", "the first deploy is slow: images are pulled beforehand"),
    ("M11", "wait until all tasks run"),
    ("M12", "follow the logs of a service"),
    ("M13", "reach a service through any node"),
    ("M14", "one task a node, named after it"),
    ("M15", "remove a stack, and deploy it again"),
    ("M16", "a device that few nodes have"),
    ("M17", "one file for compose, one for swarm, and what both agree on"),
    ("D1", "a script that sets a server up, and may run twice"),
    ("D2", "secrets instead of passwords in scripts"),
    ("D3", "private addresses, and names for them"),
    ("D4", "files for every node: configs and secrets"),
    ("D5", "a catalogue on three servers, closed to others"),
    ("D6", "containers are announced, and taken out when they end"),
    ("D7", "a key that leads a request to its owner"),
    ("D8", "nginx in front: headers, and addresses that change"),
    ("D9", "consistent hash, weights, the least connections"),
    ("D10", "an image stays on the node that built it, unless it is pushed"),
    ("D11", "a private git server with users, whose data last"),
    ("D12", "a task that hangs is replaced by itself"),
    ("D13", "an API that starts, shows and ends a user's own containers"),
    ("D14", "readiness and names instead of sleeps and addresses"),
    ("D15", "networks that nobody uses take all addresses"),
    ("D16", "folders that must be there, and volumes"),
    ("D17", "three managers: one lost, two lost, recovered"),
];

/// The letters of the checklist's parts, and how many rows each has.
const PARTS: [(char, usize); 5] = [('S', 17), ('L', 19), ('E', 19), ('M', 17), ('D', 17)];

/// Whether there is a row of that id.
pub fn known(id: &str) -> bool {
    all().any(|row| row == id)
}

/// All ids, in the order of the checklist.
pub fn all() -> impl Iterator<Item = String> {
    PARTS.iter().flat_map(|(letter, count)| (1..=*count).map(move |n| format!("{letter}{n}")))
}

/// What a row is about, where labs here cover it.
pub fn title(id: &str) -> Option<&'static str> {
    TITLES.iter().find(|(row, _)| *row == id).map(|(_, title)| *title)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checklist_has_89_rows_and_each_title_is_of_one() {
        assert_eq!(super::all().count(), 89);
        for (id, _) in super::TITLES {
            assert!(super::known(id), "{id}");
        }
        for id in ["S0", "S18", "X1", "", "s1"] {
            assert!(!super::known(id), "{id}");
        }
    }
}
