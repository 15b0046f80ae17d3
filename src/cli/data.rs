//! `phasesweep data`: lists, fetches and checks data sets.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::exit::{Exit, Failure};
use super::sweep_file::SweepFile;
use phasesweep::data;
use phasesweep::plan::Plan;
use phasesweep::store::durable;
use phasesweep::sweep::{self, Data, Subsample};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Every source a sweep file can name, and whether its files are here.
    List {
        /// Print one JSON array: a source each.
        #[arg(long)]
        json: bool,
    },
    /// Download data sets, resuming what was begun, and check their sums.
    Fetch {
        /// mnist, fashion-mnist, kmnist, cifar10.
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Read data whole: are the files the published ones, what do the samples hold, how would a training block look?
    Check(Check),
}

#[derive(clap::Args)]
struct Check {
    /// The source's name; or a sweep file (or run directory), of which every [[data]] is checked with its keys and labels; or a
    /// file of your own arrays, or a directory of .npy files, whose keys are given by --set, as data.test_share=0.2.
    #[arg(value_name = "SOURCE|SWEEP.toml|ARRAYS")]
    what: PathBuf,
    /// Directory of the source's files, where it is not in one of the usual places.
    #[arg(long, conflicts_with = "overrides")]
    path: Option<PathBuf>,
    /// Override a value of the sweep file, or give a key of the arrays; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Look at training blocks of these sizes, comma-separated [default: the sizes of the sweep file].
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..))]
    block: Vec<u64>,
    /// Write a picture of samples of each class, as PNG; of a sweep's several data sets FILE-1.png, FILE-2.png …
    #[arg(long, value_name = "FILE.png")]
    picture: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.action {
        Action::List { json: true } => {
            println!("{}", listed(&data::listings(&data::Places::from_env())));
            Ok(Exit::Complete)
        }
        Action::List { json: false } => {
            for source in data::listings(&data::Places::from_env()) {
                println!("{:14} {:9} {}", source.name, samples(&source), source.about);
                println!("{:14} {:9} {}{}", "", "", source.status, licence(&source));
            }
            Ok(Exit::Complete)
        }
        Action::Fetch { names } => {
            for name in names {
                let options = data::Options::from_env(&name).map_err(Failure::input)?;
                let bar = download_bar();
                let fetched = data::fetch(&name, &options, &mut |progress| {
                    bar.set_message(progress.file.to_string());
                    bar.set_length(progress.total);
                    bar.set_position(progress.received);
                });
                bar.finish_and_clear();
                let fetched = fetched.map_err(Failure::input)?;
                println!("{name}: {}", fetched.dir.display());
            }
            Ok(Exit::Complete)
        }
        Action::Check(check) => check.run(),
    }
}

impl Check {
    fn run(self) -> Result<Exit, Failure> {
        let reports = self.reports()?;
        for (place, report) in reports.iter().enumerate() {
            println!("{report}");
            if let (Some(file), Ok(content)) = (&self.picture, &report.content) {
                let file = if reports.len() == 1 { file.clone() } else { numbered(file, place + 1) };
                draw(&file, &report.name, content)?;
            }
        }
        match reports.iter().find(|report| !report.is_ok()) {
            None => Ok(Exit::Complete),
            Some(report) if report.content.is_err() => {
                Err(Failure::Input(format!("{} cannot be read; what was found is said above", report.name)))
            }
            Some(report) => Err(Failure::Input(format!("{} is not as published", report.name))),
        }
    }

    fn is_sweep(&self) -> bool {
        self.what.extension().is_some_and(|extension| extension == "toml")
    }

    /// Whether it is no sweep, but files that are there.
    fn is_arrays(&self) -> bool {
        let is_here = self.what.is_file() || (self.what.is_dir() && !self.what.join("sweep.toml").exists());
        is_here && !self.is_sweep()
    }

    /// What was found of the source, or of each data set of the sweep file.
    fn reports(&self) -> Result<Vec<data::Report>, Failure> {
        let places = data::Places::from_env();
        let mut blocks: Vec<usize> = self.block.iter().map(|&size| size as usize).collect();
        let picture = self.picture.is_some();
        let what = self.what.display().to_string();
        if data::is_source(&what) {
            if !self.overrides.is_empty() {
                return Err(Failure::Input(format!(
                    "--set gives the keys of a sweep file or of your own arrays, and {what} is a source: leave it out"
                )));
            }
            let report = data::check(&what, self.path.as_deref(), &blocks, picture, &places);
            return Ok(vec![report.map_err(Failure::input)?]);
        }
        if !self.is_sweep() && !self.what.exists() {
            return Err(Failure::Input(format!(
                "{what}: there is no such file, and no source of that name: 'phasesweep data list' shows all"
            )));
        }
        if self.path.is_some() {
            return Err(Failure::Input("a sweep file names its directories itself: leave out --path".to_owned()));
        }
        if self.is_arrays() {
            let sweep = sweep::parse(&of_arrays(&self.what), &what, &self.overrides).map_err(Failure::input)?;
            let check = |data| data::check_entry(&what, data, &blocks, picture, &places);
            return sweep.data.iter().map(check).collect::<Result<_, _>>().map_err(Failure::input);
        }
        let file = SweepFile { file: self.what.clone(), overrides: self.overrides.clone(), set_from: None };
        let (_, sweep) = file.read()?;
        if blocks.is_empty() {
            blocks = sweep.subsamples.iter().map(Subsample::size).collect();
            blocks.sort_unstable();
            blocks.dedup();
        }
        let plan = Plan::new(sweep.clone(), &[]);
        let labelled = sweep.data.iter().zip(plan.axis_labels(0));
        let check = |(data, label): (&Data, &String)| data::check_entry(label, data, &blocks, picture, &places);
        labelled.map(check).collect::<Result<_, _>>().map_err(Failure::input)
    }
}

/// A sweep of a user's own arrays: their keys are given and judged as those of a sweep file, of which nothing else is looked at.
fn of_arrays(path: &Path) -> String {
    // A string of JSON is one of TOML.
    let path = serde_json::Value::from(path.to_string_lossy());
    format!(
        "[[data]]\nsource = \"arrays\"\npath = {path}\n[[subsample]]\nsize = 2\n[[architecture]]\nkind = \"mlp\"\nhidden = [1]\n\
         [[optimiser]]\nkind = \"sgd\"\nlr = 0.1\n[train]\nepochs = 1\n[sweep]\nname = \"arrays\"\nseeds = 1\n"
    )
}

/// Writes the picture of a data set; says so where there is none.
fn draw(file: &Path, name: &str, content: &data::Content) -> Result<(), Failure> {
    let Some(picture) = &content.picture else {
        println!("no picture: the samples of {name} are no images");
        return Ok(());
    };
    let png = picture.png().map_err(|error| Failure::Bug(error.to_string()))?;
    durable::write(file, &png).map_err(Failure::input)?;
    let [width, height] = picture.size;
    println!("{}: {width}×{height} pixels; from the top: {}", file.display(), picture.rows.join(", "));
    if picture.left_out > 0 {
        println!("  {} more classes are not drawn", picture.left_out);
    }
    Ok(())
}

/// The file's name with a number before its extension.
fn numbered(file: &Path, number: usize) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let extension = file.extension().map_or_else(String::new, |end| format!(".{}", end.to_string_lossy()));
    file.with_file_name(format!("{stem}-{number}{extension}"))
}

/// Sources for programs; what a source does not fix is null.
fn listed(sources: &[data::Listing]) -> serde_json::Value {
    let source = |source: &data::Listing| {
        let directory = match &source.status {
            data::Status::At(directory) => Some(directory),
            _ => None,
        };
        serde_json::json!({
            "name": source.name,
            "about": source.about,
            "inputs": source.features,
            "classes": source.labels,
            "train_samples": source.samples.map(|(train, _)| train),
            "test_samples": source.samples.map(|(_, test)| test),
            "licence": source.licence,
            "status": source.status.to_string(),
            "is_here": !matches!(source.status, data::Status::NotFetched),
            "directory": directory,
        })
    };
    sources.iter().map(source).collect()
}

/// How much has come of the file that is being fetched, how fast, and how long the rest takes.
fn download_bar() -> indicatif::ProgressBar {
    let template = "{msg} {bar:30} {bytes} of {total_bytes}  {bytes_per_sec}, {eta} left";
    let style = indicatif::ProgressStyle::with_template(template);
    let bar = indicatif::ProgressBar::new(0);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
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
