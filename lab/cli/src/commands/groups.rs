//! The list of commands in the help, by who needs them.

use std::fmt::Write as _;

use anstyle::Style;
use clap::Command;

/// Who needs what. Every command is in one of these, which a test holds.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Walk a lab",
        &["list", "start", "run", "next", "answer", "check", "hint", "solution", "reset", "status", "report"],
    ),
    ("Look at the swarm", &["tasks", "wait", "map", "doctor"]),
    ("Make the swarm, and prepare this machine", &["cluster", "images", "registry", "completions"]),
    ("Teach", &["collect", "report-key", "coverage", "author"]),
];

/// Lists the commands in groups.
pub fn grouped(command: Command) -> Command {
    let heading = Style::new().bold().underline();
    let name = Style::new().bold();
    let mut list = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(list, "{heading}{title}:{heading:#}");
        for subcommand in names.iter().filter_map(|name| command.find_subcommand(name)) {
            let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
            // The rest of the sentence is in the command's own help.
            let short =
                [", ", "; ", ": "].iter().fold(about.as_str(), |text, end| text.split(end).next().unwrap_or(text));
            let _ = writeln!(list, "  {name}{:<12}{name:#} {short}", subcommand.get_name());
        }
        list.push('\n');
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}  `lab help COMMAND` tells more of each.\n\n\
         {heading}Options:{heading:#}\n{{options}}{{after-help}}"
    );
    command.help_template(template)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let command = crate::Cli::command();
        let there: BTreeSet<&str> = command.get_subcommands().map(Command::get_name).collect();
        let listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(listed.len(), there.len(), "one is listed twice, or not at all");
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), there);
    }

    #[test]
    fn the_help_fits_a_terminal_of_80_columns_and_names_every_command() {
        let help = grouped(crate::Cli::command()).term_width(80).render_help().to_string();
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        for (title, names) in GROUPS {
            assert!(help.contains(title) && names.iter().all(|name| help.contains(&format!("  {name} "))), "{help}");
        }
    }
}
