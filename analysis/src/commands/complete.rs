//! `phasesweep-report complete`: completion scripts and manual pages of this program, made from the definition of its command line,
//! for `make install`.

use std::path::PathBuf;

use super::Outcome;

const PROGRAM: &str = "phasesweep-report";

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
            if shell == clap_complete::Shell::Zsh {
                return zsh(&definition);
            }
            clap_complete::generate(shell, &mut definition, PROGRAM, &mut out);
        }
    }
    String::from_utf8(out).map_err(|error| error.to_string())
}

/// The script for zsh, in which the first word may be a run directory or a subcommand. clap's own takes the subcommand for a
/// second word, after the directory: it is made without the directory, and told that files are as good.
fn zsh(definition: &clap::Command) -> Outcome {
    let options = definition.get_arguments().filter(|argument| !argument.is_positional());
    let mut either = clap::Command::new(PROGRAM)
        .version(env!("CARGO_PKG_VERSION"))
        .args(options)
        .subcommands(definition.get_subcommands());
    let mut script = Vec::new();
    clap_complete::generate(clap_complete::Shell::Zsh, &mut either, PROGRAM, &mut script);
    let script = String::from_utf8(script).map_err(|error| error.to_string())?;
    let commands = format!("\":: :_{PROGRAM}_commands\"");
    if !script.contains(&commands) {
        return Err("clap no longer writes scripts for zsh as this program expects them; please report it".to_owned());
    }
    Ok(script.replace(&commands, &format!("\":: :{{_{PROGRAM}_commands; _files}}\"")))
}
