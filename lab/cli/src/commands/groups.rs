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

/// Usage lines that show what is required, also after a mistake: by itself, clap puts each option in front that the
/// environment has set, as if it had to be typed.
pub fn plain_usage(command: Command) -> Command {
    let mut built = command.clone();
    built.build();
    with_usage_of(command, &built)
}

fn with_usage_of(command: Command, built: &Command) -> Command {
    command.mut_subcommands(|subcommand| {
        let Some(built) = built.find_subcommand(subcommand.get_name()) else { return subcommand };
        let usage = built.clone().render_usage().to_string();
        let subcommand = with_usage_of(subcommand, built);
        subcommand.override_usage(usage.trim_start_matches("Usage: ").to_owned())
    })
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

    #[test]
    fn a_usage_line_demands_nothing_but_what_is_required() {
        let said = |words: &[&str]| {
            let command = plain_usage(crate::Cli::command());
            command.try_get_matches_from(words).unwrap_err().to_string()
        };
        let answer = said(&["lab", "answer", "--cluster", "mine"]);
        assert!(answer.contains("Usage: lab answer [OPTIONS] <WORD>\n"), "{answer}");
        let stop = said(&["lab", "cluster", "stop", "--name", "mine"]);
        assert!(stop.contains("Usage: lab cluster stop [OPTIONS] <NODE>\n"), "{stop}");
    }
}
