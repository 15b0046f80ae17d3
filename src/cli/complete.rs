//! `phasesweep complete`: completion scripts and the manual pages, made from the definition of the command line.

use std::io::Write;
use std::path::PathBuf;

use super::exit::{Exit, Failure};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// bash, zsh, fish, elvish, powershell, or man for the manual page.
    what: String,
    /// With `man`: write a page for this program and for each of its subcommands into a directory that is there.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments, mut definition: clap::Command) -> Result<Exit, Failure> {
    let mut out = Vec::new();
    if let Some(directory) = arguments.into {
        if arguments.what != "man" {
            return Err(Failure::Input(
                "--into goes with `man`: a completion script is one file, and is printed".into(),
            ));
        }
        clap_mangen::generate_to(definition, &directory).map_err(|error| {
            Failure::Input(format!("the manual pages could not be written into {}: {error}", directory.display()))
        })?;
        return Ok(Exit::Complete);
    }
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
