//! `phasesweep keys [TABLE]`: the keys of a sweep file, as the reader of sweep files declares them.

use phasesweep::sweep::reference;

use super::exit::{Exit, Failure};

/// Columns of a page of text where the terminal's are not known.
const COLUMNS: usize = 100;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// One table alone, as in `train` or `optimiser`.
    #[arg(conflicts_with_all = ["markdown", "schema"])]
    table: Option<String>,
    /// Print the page docs/sweep-file.md.
    #[arg(long, conflicts_with = "schema")]
    markdown: bool,
    /// Print the JSON schema of a sweep file, for editors.
    #[arg(long)]
    schema: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    if arguments.markdown {
        print!("{}", reference::page());
    } else if arguments.schema {
        println!("{:#}", reference::schema());
    } else {
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(COLUMNS);
        println!("{}", reference::terminal(arguments.table.as_deref(), columns).map_err(Failure::input)?);
    }
    Ok(Exit::Complete)
}
