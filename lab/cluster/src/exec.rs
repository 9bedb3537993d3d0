//! Running a command on a node.

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt as _;
use swarm::bollard::container::LogOutput;
use swarm::bollard::exec::{CreateExecOptions, StartExecResults};

use crate::Outer;

/// What a command on a node said, and how it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Exit code.
    pub code: i64,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// What a student's shell and each command of a lab find, in the folder of the repository. A clone of the repository has no
/// programs that are built already, so their folder is named. In a terminal Compose draws its list once, and not a line for each
/// change of each container. Waits are as long as they are here.
pub fn environment(folder: &str) -> String {
    environment_with(folder, swarm::patience::passed_on().as_deref())
}

fn environment_with(folder: &str, patience: Option<&str>) -> String {
    let folder = quoted(folder);
    let patience = patience.map(|patience| format!("export {}; ", quoted(patience))).unwrap_or_default();
    format!(
        "{patience}unset DOCKER_HOST DOCKER_CONTEXT; cd {folder} || exit; [ -d target/images ] && export COMPOSE_FILE=compose/compose.yml:compose/compose.binaries.yml BINARIES=$PWD/target/images \
         || export COMPOSE_FILE=compose/compose.yml; export DOCKER_CLI_HINTS=false; [ -t 1 ] || export COMPOSE_ANSI=never; PATH=$PATH:$PWD/target/images;"
    )
}

/// A word that no shell takes apart, whatever is in it.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl Outer {
    /// Runs a command on a node and waits for its end.
    ///
    /// # Errors
    /// When it cannot be started; a command that fails is an `Output` with another code than 0.
    pub async fn exec(&self, container: &str, command: &[&str]) -> Result<Output> {
        let what = || format!("cannot run `{}` on the node", command.join(" "));
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..Default::default()
        };
        let docker = self.docker();
        let id = docker.create_exec(container, options).await.with_context(what)?.id;
        let mut answer = Output::default();
        let StartExecResults::Attached { mut output, .. } = docker.start_exec(&id, None).await.with_context(what)?
        else {
            bail!("{}: the engine detached it", what());
        };
        while let Some(piece) = output.next().await {
            match piece.with_context(what)? {
                LogOutput::StdErr { message } => answer.stderr.push_str(&String::from_utf8_lossy(&message)),
                other => answer.stdout.push_str(&String::from_utf8_lossy(&other.into_bytes())),
            }
        }
        answer.code = docker.inspect_exec(&id).await.with_context(what)?.exit_code.unwrap_or(-1);
        Ok(answer)
    }

    /// Runs a command on a node that must succeed, and returns its standard output.
    ///
    /// # Errors
    /// When it fails: the error has the command and what it said.
    pub async fn exec_ok(&self, container: &str, command: &[&str]) -> Result<String> {
        let output = self.exec(container, command).await?;
        if output.code != 0 {
            bail!(
                "`{}` on the node ended with {}:\n{}{}",
                command.join(" "),
                output.code,
                output.stdout,
                output.stderr
            );
        }
        Ok(output.stdout)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_folder_may_have_any_name() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("Ada's $(touch x) lab");
        std::fs::create_dir(&folder).unwrap();
        let script = format!("{}\npwd", super::environment(folder.to_str().unwrap()));
        let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), folder.to_str().unwrap(), "{output:?}");
    }

    #[test]
    fn waits_on_a_node_are_as_long_as_here() {
        let said = |patience| {
            let script = format!("{}\nprintf %s \"$LAB_PATIENCE\"", super::environment_with("/", patience));
            let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(said(Some("LAB_PATIENCE=2.5")), "2.5");
        assert_eq!(said(Some("LAB_PATIENCE=$(echo 7)")), "$(echo 7)");
    }
}
