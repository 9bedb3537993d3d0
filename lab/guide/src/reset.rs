//! Back to the beginning of a lab, from any state.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use cluster::{Outer, load};
use futures_util::future::try_join_all;
use swarm::patient;

use crate::facts::Facts;
use crate::lab::{Commands, On};
use crate::need::Need;
use crate::place::{self, Place};
use crate::{beginning, images, labs, machines};

/// How long an engine may take to answer after its node was started.
const ENGINE_WITHIN: Duration = Duration::from_secs(60);

/// A node that has just come back may refuse to leave until it has found its managers, or given them up. An engine that could not begin
/// its networks anew after `--force-new-cluster` refuses for ever, a refusal in 20 s, until it is started again.
const LEAVE: &str = "tries=0; until [ \"$(docker info --format '{{.Swarm.LocalNodeState}}')\" = inactive ]; do \
    said=$(docker swarm leave --force 2>&1) && break; tries=$((tries + 1)); \
    [ $tries -lt 30 ] || { echo \"cannot leave the swarm: $said\"; exit 1; }; \
    case $((tries % 5)).$said in 1.*'deadline exceeded'*) service docker restart >/dev/null ;; esac; sleep 1; done";

/// How much of a command is shown while it runs.
const LONGEST: usize = 56;

/// Removes what labs make; images stay, so that the next start is fast. On machines of their own, containers and
/// volumes of others are left alone. An engine that has just left its swarm may need a moment to let go of `docker_gwbridge`, and the prune leaves it then.
/// A prune of volumes leaves those that have options, as one of NFS has.
const CLEAN_CLUSTER: &str = "ids=$(docker ps -aq); [ -z \"$ids\" ] || docker rm -f $ids >/dev/null; \
    docker network prune -f >/dev/null; tries=0; \
    while [ $tries -lt 25 ] && docker network inspect docker_gwbridge >/dev/null 2>&1 && ! docker network rm docker_gwbridge >/dev/null 2>&1; do \
    tries=$((tries + 1)); sleep 0.2; done; docker volume ls -q | xargs -r docker volume rm -f >/dev/null 2>&1; true";

/// On a cluster the engine's settings and the files that labs wrote outside of their folders go; `restart` is set where the engine has to notice.
const CLEAN_SETTINGS: &str = "restart=; if [ -e /etc/docker/daemon.json ] || grep -qs '^ *DOCKER_OPTS=' /etc/default/docker; then restart=yes; fi; \
    sed -i '/^ *DOCKER_OPTS=/d' /etc/default/docker 2>/dev/null; rm -rf SETTINGS; docker context rm -f manager >/dev/null 2>&1";

/// What labs write outside of their folders: what engines are told and trust, logins, and what tasks find on their node.
const SETTINGS: &str = "/etc/docker/daemon.json /etc/systemd/system/docker.service.d/lab.conf /etc/docker/certs.d ~/.docker/config.json /srv/weblog /srv/sampler";

/// A folder that a lab exports by NFS is exported no more: it was open to root on each machine of its network. What is exported until the next start, and from where, is in `etab`.
const UNEXPORT: &str = "sed -n \"s|^\\($HOME/work/fleet/share\\)\t\\([^(]*\\)(.*|\\2:\\1|p\" /var/lib/nfs/etab 2>/dev/null | while read -r export; do exportfs -u \"$export\"; done";

/// An engine that a lab gave settings of its own is started again without them. The names that labs wrote behind `# lab` are gone, and so are the images whose pull
/// a lab looks at. (`/etc/hosts` of a container can be written, and not be replaced.)
/// Port 7946 that is still open without a swarm is the gossip of one that this engine has left while it could not tell the other nodes: the next one cannot open it, so
/// no name of a service is known, and what asks for one is answered with EOF.
/// An overlay that is there without a swarm (`ingress` that was removed while a container was on it, or a network that a task was about to join) is forgotten by a restart only.
/// A `vx-` interface is half of an overlay network, left by an engine that was interrupted: no other network gets its number while it is there.
const MEND_ENGINE: &str = "if [ -n \"$restart\" ] || docker network ls -q -f driver=overlay | grep -q . || ss -ltnH 'sport = :7946' | grep -q .; then \
    [ ! -d /run/systemd/system ] || systemctl daemon-reload; service docker restart >/dev/null; fi; \
    docker version >/dev/null 2>&1 || service docker start >/dev/null; \
    for half in $(ip -o link show type vxlan | sed -n 's/^[0-9]*: \\(vx-[^:@]*\\).*/\\1/p'); do ip link del \"$half\"; done; \
    if grep -q '# lab$' /etc/hosts; then kept=$(grep -v '# lab$' /etc/hosts); echo \"$kept\" > /etc/hosts; fi; \
    docker images -q 'registry.lab:5443/*' | xargs -r docker rmi -f >/dev/null 2>&1; \
    docker images -q 127.0.0.1:5000/large | xargs -r docker rmi -f >/dev/null 2>&1; true";

/// Volumes that labs make, beside the application's own. The names are everyday ones, so a volume of such a name may be somebody else's.
const VOLUMES: &str = "registry|git|private|blackboard|notes|consul|etcd|shared_shared";

/// Containers that labs start by themselves, with names as everyday.
const CONTAINERS: &str = "probe|outside|nameserver|registry|consul|etcd|registrar|balancer|busy|idle|still|door";

/// For machines of their own, where others may have containers, volumes, folders and settings too: `ours` prints what labs made, a line a thing. `BEFORE` is what was
/// there before the first lab, and stays; without it nothing but the application is taken for ours. A volume that a container of others uses stays, too.
const OURS: &str = r#"before=${XDG_STATE_HOME:-$HOME/.local/state}/swarmlab/there-before
there() {
    local all
    all=$(docker ps -a --format 'container {{.Names}}' && docker volume ls --format 'volume {{.Name}}' &&
        docker context ls --format 'context {{.Name}}') || return 1
    echo "$all" | grep -xE 'container (CONTAINERS)|volume (VOLUMES)|context manager' || [ $? = 1 ] || return 1
    for folder in FOLDERS; do [ ! -d "$folder" ] || echo "folder $folder" || return 1; done
    for file in SETTINGS; do [ ! -e "$file" ] || echo "file $file" || return 1; done
}
unused() {
    ! docker ps -a -f "volume=$1" --format 'container {{.Names}} {{.Label "com.docker.swarm.service.id"}}' | grep -vE ' [a-z0-9]{25}$' | sed 's/ $//' | grep -vxqF "$2"
}
ours() {
    made=$(docker ps -a -f label=com.docker.compose.project=dockercoins --format 'container {{.Names}}'
        docker volume ls --format 'volume {{.Name}}' | grep -x 'volume dockercoins_redis'
        [ ! -e "$before" ] || there | grep -vxF -f "$before")
    echo "$made" | while read -r kind name; do [ "$kind" != volume ] || unused "$name" "$made" || continue; echo "$kind $name"; done | grep .
}
"#;

/// Takes away what `ours` prints, and notes at the first time what is there.
const CLEAN_MACHINE: &str = r#"found=$(ours)
echo "$found" | while read -r kind name; do
    case $kind in
        container) docker rm -f "$name" ;;
        volume) docker volume rm "$name" ;;
        context) docker context rm -f "$name" ;;
        folder | file) rm -rf "$name" ;;
    esac
done >/dev/null 2>&1
docker network rm dockercoins_default >/dev/null 2>&1
restart=$(echo "$found" | grep -xE 'file .*/(daemon.json|lab.conf)')
[ -e "$before" ] || { mkdir -p "${before%/*}" && there >"$before.new" && mv "$before.new" "$before"; } || {
    echo "what was there before the first lab cannot be noted in $before: does Docker answer, and is there room?" >&2
    exit 1
}"#;

/// Prints the same and changes nothing.
const SHOW_MACHINE: &str = "if docker version >/dev/null 2>&1; then ours; true; else \
    echo 'what labs made, of the volumes VOLUMES and the containers CONTAINERS (its engine does not answer, so which there are is not known)'; fi";

/// A script for a machine of their own, with the names in it.
fn on_machine(script: &str) -> Result<String> {
    let script = format!("{OURS}{script}").replace("SETTINGS", SETTINGS).replace("CONTAINERS", CONTAINERS);
    Ok(script.replace("VOLUMES", VOLUMES).replace("FOLDERS", &work()?))
}

/// What `clean` removes on machines of their own, beside the swarm: the name of each machine, and its things.
///
/// # Errors
/// When a machine cannot be reached.
pub async fn removes(place: &Place) -> Result<Vec<(String, Vec<String>)>> {
    let script = on_machine(SHOW_MACHINE)?;
    try_join_all(place.nodes().await?.into_iter().map(|node| {
        let script = &script;
        async move {
            let said = place.run_ok(&node.name, script).await?;
            Ok((node.name, said.lines().map(str::to_owned).collect()))
        }
    }))
    .await
}

/// What `clean` removes on a node of a cluster, a line a thing. An engine that is broken is mended later, and says nothing here.
const SHOW_NODE: &str = r#"count() { [ "$1" = 0 ] || echo "$1 $2$([ "$1" = 1 ] || echo s)"; }
count "$(timeout 5 docker ps -aq 2>/dev/null | wc -l)" container
count "$(timeout 5 docker volume ls -q 2>/dev/null | wc -l)" volume
for folder in FOLDERS; do ls -d "$folder"/* 2>/dev/null; done | sed "s|^$HOME/|~/|""#;

/// What `clean` removes on the nodes of a cluster beside the swarm, in a line for each that has anything. On machines of their own
/// `removes` says more, since others may have things there.
///
/// # Errors
/// When the engine outside does not answer.
pub async fn clears(place: &Place) -> Result<Vec<(String, String)>> {
    if place.cluster().is_none() {
        return Ok(Vec::new());
    }
    let script = SHOW_NODE.replace("FOLDERS", &work()?);
    let nodes = place.nodes().await?.into_iter().map(|node| {
        let script = &script;
        async move {
            // A node that is stopped or frozen is mended first; that it cannot tell is no reason not to.
            let said = place.run(&node.name, script).await.map(|output| output.stdout).unwrap_or_default();
            (node.name, said.lines().collect::<Vec<_>>().join(", "))
        }
    });
    let all = futures_util::future::join_all(nodes).await;
    Ok(all.into_iter().filter(|(_, things)| !things.is_empty()).collect())
}

/// Placeholders for what a beginning changes.
const OF_THE_SWARM: [&str; 2] = ["{{worker-token}}", ".node}}"];

/// Takes away what labs made, and mends what they broke: machines with Docker are left, in no swarm.
///
/// # Errors
/// When a node's engine does not answer.
pub async fn clean(place: &Place) -> Result<()> {
    let clean = match place {
        Place::Cluster { outer, name } => {
            mend(outer, name).await?;
            let settings = CLEAN_SETTINGS.replace("SETTINGS", SETTINGS);
            format!("{LEAVE}; {CLEAN_CLUSTER}; {UNEXPORT}; rm -rf {}; {settings}; {MEND_ENGINE}", work()?)
        }
        Place::Machines { .. } => {
            machines::mend(place).await?;
            format!("{LEAVE}; {UNEXPORT}; {}\n{MEND_ENGINE}", on_machine(CLEAN_MACHINE)?)
        }
    };
    let nodes = place.nodes().await?;
    // Workers leave first, and the manager when they have gone: an engine that leaves tells the others, and they must be there to hear it. All else is done side by side.
    try_join_all(nodes.iter().skip(1).map(|node| place.run_ok(&node.name, LEAVE))).await?;
    try_join_all(nodes.iter().map(|node| place.run_ok(&node.name, &clean))).await?;
    Ok(())
}

/// Where labs keep their files on a node: a folder for each track.
fn work() -> Result<String> {
    let folders: Vec<String> = labs::tracks()?.iter().map(|track| format!("~/work/{}", track.name)).collect();
    Ok(folders.join(" "))
}

/// Starts what is stopped, unfreezes what is frozen and heals what is cut off.
async fn mend(outer: &Outer, name: &str) -> Result<()> {
    for node in outer.existing(name).await? {
        match node.state.as_str() {
            "paused" => outer.unpause(name, &node.node).await?,
            "running" => {}
            _ => outer.start(name, &node.node).await?,
        }
        let begun = Instant::now();
        while let Err(error) = cluster::node_engine(name, &node.node).await {
            if begun.elapsed() > patient(ENGINE_WITHIN) {
                return Err(error).with_context(|| format!("the engine of {} does not answer", node.node));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    for node in cluster::status::status(outer, name).await?.nodes.iter().filter(|node| node.partitioned) {
        outer.heal(name, &node.name).await?;
    }
    Ok(())
}

/// Makes the beginning of a lab, all that it builds on first; `say` gets a line for each part.
///
/// # Errors
/// When a command fails, with what it said.
pub async fn begin(place: &Place, start: &[String], say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    let beginnings = beginning::order(start, &beginning::all()?)?;
    say("cleaning up");
    clean(place).await?;
    let mut facts = Facts::gather(place).await?;
    mesh(place, &facts, say).await?;
    for beginning in &beginnings {
        if let Some(reason) = Need::first_lacking(&beginning.needs, place, &facts).await? {
            bail!("the beginning `{}` cannot be made: {reason}", beginning.name);
        }
        images::ensure(place, &beginning.images, say).await?;
        let ours: Vec<&Commands> = beginning.commands.iter().filter(|block| facts.applies(block)).collect();
        for blocks in beside(&ours) {
            // There are tokens, and names of members, only once there is a swarm. All else stays as it was, and looking around takes its time.
            let asks = |block: &&Commands| OF_THE_SWARM.iter().any(|placeholder| block.script.contains(placeholder));
            if blocks.iter().any(asks) {
                facts = Facts::gather(place).await?;
            }
            for block in blocks {
                say(&format!("on {}: {}", block.place(), first_line(&block.script, &facts)));
            }
            let facts = &facts;
            try_join_all(blocks.iter().map(|block| run_ok(place, block, facts)))
                .await
                .with_context(|| format!("the beginning `{}`", beginning.name))?;
        }
    }
    Ok(())
}

/// Blocks that may run side by side: those that follow one another on workers, in the order of their names, so that each is another one.
/// What head or this machine does waits for all before.
fn beside<'a>(blocks: &'a [&'a Commands]) -> impl Iterator<Item = &'a [&'a Commands]> {
    let worker = |block: &'a Commands| match &block.on {
        On::Node(name) if name != "head" => Some(name),
        _ => None,
    };
    blocks.chunk_by(move |before, after| worker(before).is_some_and(|name| Some(name) < worker(after)))
}

/// In front of a block that must succeed: a command that fails ends it, also in the middle. Conditions, and what has an
/// `||` behind it, may fail as ever; of a pipe the last command counts.
const STRICT: &str = "trap 'code=$?; echo \"this failed, with $code: $BASH_COMMAND\" >&2; exit $code' ERR";
/// The same for the plain shell of this machine.
const STRICT_HERE: &str = "set -e";

/// Runs a block, each command of which must succeed unless it is marked `may-fail`.
///
/// # Errors
/// When one does not, with what it said.
pub async fn run_ok(place: &Place, block: &Commands, facts: &Facts) -> Result<cluster::Output> {
    let strict = if block.on == On::Here { STRICT_HERE } else { STRICT };
    let script = if block.may_fail { block.script.clone() } else { format!("{strict}\n{}", block.script) };
    let output = run(place, &Commands { script, ..block.clone() }, facts).await?;
    if output.code != 0 && !block.may_fail {
        bail!(
            "on {} this ended with {}:\n{}\n{}{}",
            block.place(),
            output.code,
            facts.fill(&block.script)?,
            output.stdout,
            output.stderr
        );
    }
    Ok(output)
}

/// What a script begins with, on one line of a terminal, and not as far as a placeholder of the swarm: a token is not shown.
fn first_line(script: &str, facts: &Facts) -> String {
    let line = script.lines().next().unwrap_or_default();
    let secret = OF_THE_SWARM.iter().filter_map(|placeholder| line.find(placeholder)).min();
    let open = &line[..secret.unwrap_or(line.len())];
    let open = match open.rfind("{{") {
        Some(at) if !open[at..].contains("}}") => &open[..at],
        _ => open,
    };
    let filled = facts.fill(open).unwrap_or_else(|_| open.to_owned());
    let short: String = filled.chars().take(LONGEST).collect();
    if line.len() < script.trim_end().len() || open.len() < line.len() || short.len() < filled.len() {
        format!("{} ...", short.trim_end_matches([' ', '\\']))
    } else {
        short
    }
}

impl Commands {
    /// Where the block runs, in a word.
    pub fn place(&self) -> &str {
        match &self.on {
            On::Node(name) => name,
            On::Here => "this machine",
        }
    }
}

/// Runs a block of commands, filled in.
///
/// # Errors
/// When its node cannot be reached, or a placeholder is unknown.
pub async fn run(place: &Place, block: &Commands, facts: &Facts) -> Result<cluster::Output> {
    let script = facts.fill(&block.script)?;
    match &block.on {
        On::Node(node) => place.run(node, &script).await,
        On::Here => place::here(&script).await,
    }
}

/// Where the kernel has no routing mesh, what stands in for it is on every node: it cannot come from the registry that it
/// makes reachable.
async fn mesh(place: &Place, facts: &Facts, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    let Place::Cluster { outer, name } = place else { return Ok(()) };
    if facts.ipvs {
        return Ok(());
    }
    let head = cluster::node_engine(name, "head").await?;
    if !cluster::image::present(head.docker(), "dockercoins/mesh:latest").await {
        say("building the stand-in for the routing mesh, which this kernel does not have");
        let build = "docker build -q -f compose/Dockerfile --target mesh {{binaries}} -t dockercoins/mesh:latest .";
        place.run_ok("head", &facts.fill(build)?).await?;
    }
    load::spread(outer, name, &["dockercoins/mesh:latest"]).await
}

/// What is there on each node, images excepted: two of these are equal when nothing was left behind.
///
/// # Errors
/// When a node cannot be asked.
pub async fn inventory(place: &Place) -> Result<Vec<String>> {
    let list = "docker info --format 'swarm {{.Swarm.LocalNodeState}}'; docker ps -a --format 'container {{.Names}}'; \
                docker network ls --format 'network {{.Name}}'; docker volume ls --format 'volume {{.Name}}'";
    let mut all = Vec::new();
    for node in place.nodes().await? {
        let said = place.run_ok(&node.name, list).await?;
        all.extend(said.lines().map(|line| format!("{}: {line}", node.name)));
    }
    all.sort();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_script_has_addresses_and_no_token() {
        let mut facts = crate::facts::tests::facts(false);
        facts.set("worker-token", "SWMTKN-1-secret");
        let said = |script: &str| first_line(script, &facts);
        assert_eq!(said("lab wait service web"), "lab wait service web");
        assert_eq!(said("lab wait service web\ncurl head"), "lab wait service web ...");
        assert_eq!(said("ping {{head.private}}"), "ping 192.168.2.11");
        assert_eq!(said("join --token {{worker-token}} {{head.private}}:7777"), "join --token ...");
        assert_eq!(said("docker node rm {{worker-1.node}}"), "docker node rm ...");
        assert!(said(&"long ".repeat(40)).chars().count() <= LONGEST + " ...".len());
    }

    /// An engine whose volumes are files in a folder, in which the name and the label of the container stand that uses the volume; its containers are files of another.
    const DOCKER: &str = r#"#!/bin/sh
cd "$ENGINE" && [ ! -e broken ] || exit 1
case "$1 $2 $*" in
    *volume=*) name=${4#volume=}; cat "volume/$name" ;;
    *label=*) ;;
    "ps -a "*) [ -z "$(ls container)" ] || printf 'container %s\n' $(ls container) ;;
    "rm -f "*) rm "container/$3"; sed -i "/^container $3 /d" volume/* ;;
    "volume ls "*) [ -z "$(ls volume)" ] || printf 'volume %s\n' $(ls volume) ;;
    "volume rm "*) rm "volume/$3" ;;
esac
"#;

    #[test]
    fn machines_keep_what_no_lab_made() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let [volumes, containers, bin] = ["volume", "container", "bin"].map(|name| home.path().join(name));
        for folder in [&volumes, &containers, &bin] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(bin.join("docker"), DOCKER).unwrap();
        std::fs::set_permissions(bin.join("docker"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let try_to = |script: &str| {
            let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
            let mut command = std::process::Command::new("bash");
            command.args(["-c", &on_machine(script).unwrap()]).env("HOME", home.path()).env_remove("XDG_STATE_HOME");
            command.env("ENGINE", home.path()).env("PATH", path).output().unwrap()
        };
        let run = |script: &str| {
            let output = try_to(script);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().replace(home.path().to_str().unwrap(), "~")
        };
        let volume = |name: &str, user: &str| std::fs::write(volumes.join(name), user).unwrap();
        let container = |name: &str| std::fs::write(containers.join(name), "").unwrap();
        let folder = |name: &str| std::fs::create_dir_all(home.path().join("work").join(name)).unwrap();
        let login = home.path().join(".docker/config.json");

        // Before the first lab: somebody's own. The application's volume is ours by its name.
        volume("git", "");
        volume("dockercoins_redis", "");
        container("balancer");
        folder("web");
        assert_eq!(run(SHOW_MACHINE), "volume dockercoins_redis\n");
        // While an engine does not say what is there, nothing of it is noted as not there.
        std::fs::write(home.path().join("broken"), "").unwrap();
        let output = try_to(CLEAN_MACHINE);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("does Docker answer"));
        std::fs::remove_file(home.path().join("broken")).unwrap();
        run(CLEAN_MACHINE);
        assert!(volumes.join("git").exists() && home.path().join("work/web").exists());
        assert!(!volumes.join("dockercoins_redis").exists());

        // Then labs make some, one is used by a container of others, and one has a name of no lab. A container that a lab started goes with its volume.
        volume("registry", "container registry.1.x v6htlm9nxvyd7nhgarbpzs9ii\n");
        volume("notes", "container diary \n");
        volume("consul", "container consul \n");
        volume("photos", "");
        container("consul");
        container("diary");
        std::fs::create_dir(home.path().join(".docker")).unwrap();
        std::fs::write(&login, "{}").unwrap();
        folder("coins");
        folder("thesis");
        let made =
            "container consul\nvolume consul\nvolume registry\nfolder ~/work/coins\nfile ~/.docker/config.json\n";
        assert_eq!(run(SHOW_MACHINE), made);
        run(CLEAN_MACHINE);
        assert_eq!(run(SHOW_MACHINE), "");
        let left = |path: &std::path::Path| {
            let mut names: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(left(&volumes), ["git", "notes", "photos"]);
        assert_eq!(left(&containers), ["balancer", "diary"]);
        assert!(!login.exists());
        assert_eq!(left(&home.path().join("work")), ["thesis", "web"]);
    }

    #[test]
    fn what_a_node_of_a_cluster_loses_is_shown() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let bin = home.path().join("bin");
        for folder in ["bin", "work/coins/app", "work/coins/empty", "work/web"] {
            std::fs::create_dir_all(home.path().join(folder)).unwrap();
        }
        let run = |docker: &str| {
            std::fs::write(bin.join("docker"), format!("#!/bin/sh\n{docker}\n")).unwrap();
            std::fs::set_permissions(bin.join("docker"), std::fs::Permissions::from_mode(0o755)).unwrap();
            let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
            let script = SHOW_NODE.replace("FOLDERS", &work().unwrap());
            let output = std::process::Command::new("bash")
                .args(["-c", &script])
                .env("HOME", home.path())
                .env("PATH", path)
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let full = "case $1 in ps) echo a; echo b;; volume) echo redis;; esac";
        assert_eq!(run(full), "2 containers\n1 volume\n~/work/coins/app\n~/work/coins/empty\n");
        std::fs::remove_dir_all(home.path().join("work")).unwrap();
        assert_eq!(run("true"), "");
        assert_eq!(run("echo 'Cannot connect' >&2; exit 1"), "");
    }

    #[test]
    fn what_a_lab_exports_is_exported_no_more_and_nothing_else() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let [etab, exportfs] = ["etab", "exportfs"].map(|name| home.path().join(name));
        let share = format!("{}/work/fleet/share", home.path().display());
        std::fs::write(&exportfs, "#!/bin/sh\necho \"$@\"\n").unwrap();
        std::fs::set_permissions(&exportfs, std::fs::Permissions::from_mode(0o755)).unwrap();
        let run = || {
            let path = format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap());
            let script = UNEXPORT.replace("/var/lib/nfs/etab", etab.to_str().unwrap());
            let mut command = std::process::Command::new("bash");
            let output = command.args(["-c", &script]).env("HOME", home.path()).env("PATH", path).output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty());
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(run(), "");
        let line = |folder: &str| format!("{folder}\t192.168.2.0/24(rw,sync,no_root_squash,fsid=77)\n");
        std::fs::write(&etab, [line("/srv"), line(&share), line(&format!("{share}d"))].concat()).unwrap();
        assert_eq!(run(), format!("-u 192.168.2.0/24:{share}\n"));
    }

    #[test]
    fn workers_join_side_by_side_and_head_waits_for_them() {
        let block = |on: &str| Commands {
            on: if on == "here" { On::Here } else { On::Node(on.to_owned()) },
            only: Vec::new(),
            may_fail: false,
            script: String::new(),
        };
        let all: Vec<Commands> =
            ["head", "head", "worker-1", "worker-2", "worker-1", "worker-1", "here", "worker-2"].map(block).into();
        let all: Vec<&Commands> = all.iter().collect();
        assert_eq!(beside(&all).map(<[_]>::len).collect::<Vec<_>>(), [1, 1, 2, 1, 1, 1, 1]);
    }
}
