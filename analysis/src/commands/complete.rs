//! `phasesweep-report complete`: completion scripts and manual pages of this program, made from the definition of its command line,
//! for `make install`.

use std::path::PathBuf;

use super::Outcome;

/// Print a completion script for a shell, or the manual page.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// bash, zsh, fish, elvish, powershell, or man for the manual page
    what: String,

    /// With `man`: write a page for this program and for each of its subcommands into a directory that is there
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

/// Prints, or writes, what was asked for.
pub(crate) fn run(arguments: Arguments, mut definition: clap::Command) -> Outcome {
    let is_man = arguments.what == "man";
    let mut out = Vec::new();
    match arguments.into {
        Some(_) if !is_man => {
            return Err("--into goes with `man`: a completion script is one file, and is printed".to_owned());
        }
        Some(directory) => clap_mangen::generate_to(definition, &directory)
            .map_err(|error| format!("the manual pages could not be written into {}: {error}", directory.display()))?,
        None if is_man => clap_mangen::Man::new(definition).render(&mut out).map_err(|error| error.to_string())?,
        None => {
            let shell: clap_complete::Shell = arguments
                .what
                .parse()
                .map_err(|_| format!("`{}` is none of bash, zsh, fish, elvish, powershell, man", arguments.what))?;
            clap_complete::generate(shell, &mut definition, "phasesweep-report", &mut out);
        }
    }
    String::from_utf8(out).map_err(|error| error.to_string())
}
