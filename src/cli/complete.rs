//! `phasesweep complete`: completion scripts and the manual page, made from the definition of the command line.

use std::io::Write;

use super::exit::{Exit, Failure};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// bash, zsh, fish, elvish, powershell, or man for the manual page.
    what: String,
}

pub(super) fn run(arguments: Arguments, mut definition: clap::Command) -> Result<Exit, Failure> {
    let mut out = Vec::new();
    if arguments.what == "man" {
        clap_mangen::Man::new(definition).render(&mut out).map_err(Failure::input)?;
    } else {
        let shell: clap_complete::Shell = arguments.what.parse().map_err(|_| {
            Failure::Input(format!("`{}` is none of bash, zsh, fish, elvish, powershell, man", arguments.what))
        })?;
        clap_complete::generate(shell, &mut definition, "phasesweep", &mut out);
    }
    std::io::stdout().write_all(&out).map_err(Failure::input)?;
    Ok(Exit::Complete)
}
