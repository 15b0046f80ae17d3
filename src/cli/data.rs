//! `phasesweep data`: lists, fetches and checks data sets.

use std::path::PathBuf;

use clap::Subcommand;

use super::exit::{Exit, Failure};
use phasesweep::data;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Every source a sweep file can name, and whether its files are here.
    List,
    /// Download data sets, resuming what was begun, and check their sums.
    Fetch {
        /// mnist, fashion-mnist, kmnist, cifar10.
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Read a data set's files whole and compare their sums with those published.
    Check {
        /// The source.
        name: String,
        /// Its directory, where it is not in one of the usual places.
        #[arg(long)]
        path: Option<PathBuf>,
    },
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.action {
        Action::List => {
            for source in data::listings(&data::Places::from_env()) {
                println!("{:14} {:9} {}", source.name, samples(&source), source.about);
                println!("{:14} {:9} {}{}", "", "", source.status, licence(&source));
            }
            Ok(Exit::Complete)
        }
        Action::Fetch { names } => {
            for name in names {
                let options = data::Options::from_env(&name).map_err(Failure::input)?;
                let bar = indicatif::ProgressBar::no_length();
                let fetched = data::fetch(&name, &options, &mut |progress| {
                    bar.set_message(progress.file.to_string());
                    bar.set_position(progress.received);
                })
                .map_err(Failure::input)?;
                bar.finish_and_clear();
                println!("{name}: {}", fetched.dir.display());
            }
            Ok(Exit::Complete)
        }
        Action::Check { name, path } => {
            let places = data::Places::from_env();
            let report = data::check(&name, path.as_deref(), &places).map_err(Failure::input)?;
            println!("{report}");
            if report.is_ok() {
                Ok(Exit::Complete)
            } else if report.content.is_err() {
                Err(Failure::Input(format!("{name} cannot be read; what was found is said above")))
            } else {
                Err(Failure::Input(format!("{name} is not as published")))
            }
        }
    }
}

/// Training and test samples, where the source fixes them.
fn samples(source: &data::Listing) -> String {
    match source.samples {
        Some((train, 0)) => train.to_string(),
        Some((train, test)) => format!("{train}+{test}"),
        None => String::new(),
    }
}

fn licence(source: &data::Listing) -> String {
    source.licence.map_or_else(String::new, |licence| format!(" ({licence})"))
}
