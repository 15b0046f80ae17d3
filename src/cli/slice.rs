//! `phasesweep slice`: the exact linear regions of a stored cell on a plane through input space, along training.

mod bench;
mod page;

use std::path::{Path, PathBuf};
use std::time::Instant;

use phasesweep_results::variables::STEPS_PER_EPOCH;
use phasesweep_results::{dimension, slice};

use super::exit::{Exit, Failure};
use super::sweep_file::located;
pub(super) use bench::bench;
use phasesweep::host::{Limits as HostLimits, ThisHost};
use phasesweep::linear_regions::partition::{Limits, partition};
use phasesweep::linear_regions::{Frame, Frames, SliceError, SlicePlane, Weights, picture};
use phasesweep::plan::CellId;
use phasesweep::run_directory::{KeptRun, StoredCell, find_cell, part_of};
use phasesweep::slurm::Memory;
use phasesweep::store::{Moment, Part, RunDirectory, Unit, durable, scan};

/// Frames of a series unless epochs are named.
const FRAMES: usize = 12;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Run directory, with weights kept by `[observe] weights`.
    #[arg(value_name = "DIR", required_unless_present = "weights", requires = "cell")]
    directory: Option<PathBuf>,
    /// The cell's id, or how it begins.
    #[arg(long, value_name = "ID")]
    cell: Option<String>,
    /// Epochs to cut, or steps where the run kept those, comma-separated [default: twelve of them, evenly along the list].
    #[arg(long, visible_alias = "steps", value_name = "EPOCHS", value_delimiter = ',')]
    epochs: Vec<usize>,
    /// Three training samples, counted from 0 in the block, that the plane goes through [default: the first three of
    /// different classes].
    #[arg(long, value_name = "I,J,K", value_delimiter = ',', conflicts_with = "plane")]
    samples: Vec<usize>,
    /// A safetensors file with the plane: `points` of shape (3, inputs), or `origin` (inputs) and `directions` (2, inputs).
    #[arg(long, visible_alias = "points", value_name = "FILE")]
    plane: Option<PathBuf>,
    /// Half side of the square window around the samples' centroid, in units of the distance to the farthest of them.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.5)]
    window: f64,
    /// Cut these safetensors files instead of a run's; needs --plane.
    #[arg(long, value_name = "FILES", num_args = 1.., conflicts_with_all = ["directory", "cell", "epochs"], requires = "plane")]
    weights: Vec<PathBuf>,
    /// Give up at more linear regions than this; 10⁵ of a network of width 128 take about 0.4 GB.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    most_regions: usize,
    /// Give up at more memory than this: GiB, or with a unit as in 512M; unless given, half of what this process may use.
    /// Of a convolution every corner of every region takes eight bytes for each channel and pixel.
    #[arg(long, value_name = "GIB", value_parser = Memory::parse_gibibytes)]
    memory: Option<u64>,
    /// Where frames, numbers and page go [default: DIR/slices/ID, or ./slice].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl From<SliceError> for Failure {
    fn from(error: SliceError) -> Failure {
        Failure::input(error)
    }
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let source = Source::of(&arguments)?;
    let (plane, image) = source.plane(&arguments)?;
    let memory = arguments.memory.unwrap_or_else(|| HostLimits::read(&ThisHost).of_one_of(1).memory / 2);
    let limits = Limits { regions: arguments.most_regions, bytes: usize::try_from(memory).unwrap_or(usize::MAX) };
    let out = arguments.out.clone().unwrap_or_else(|| source.default_out());
    durable::create_directory(&out).map_err(store)?;
    let errors = source.errors();
    let mut frames =
        Frames { cell: source.cell_id(), samples: plane.samples.clone(), half: plane.half, frames: Vec::new() };
    for file in &source.files {
        let read = Weights::read(file, image)?;
        let began = Instant::now();
        let cut = partition(&read.network, &plane.plane, &plane.window, limits).map_err(|error| {
            Failure::Input(format!("{}: {error} (--window, --most-regions, --memory)", file.display()))
        })?;
        let seconds = began.elapsed().as_secs_f64();
        let decision = cut.decision();
        let summary = cut.summary(&decision, &plane.window);
        let (train_error, test_error) = errors.of(&read).unzip();
        let frame = Frame::new(&read, summary, train_error, test_error);
        println!("{}: {} (cut in {seconds:.2} s)", frame.title, frame.caption());
        let svg = picture::frame(&cut, &decision, &plane, &frame.title, &frame.caption());
        write(&out.join(&frame.file), &svg)?;
        frames.frames.push(frame);
    }
    write(&out.join("slice.csv"), &frames.csv())?;
    write(&out.join(slice::FILE), &frames.json().map_err(|error| Failure::Bug(error.to_string()))?)?;
    write(&out.join("index.html"), &page::page(&frames))?;
    println!("{}", out.join("index.html").display());
    Ok(Exit::Complete)
}

fn store(error: phasesweep::store::StoreError) -> Failure {
    Failure::input(error)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    durable::write(path, text.as_bytes()).map_err(store)
}

/// Where the weights come from.
struct Source {
    /// The run directory and the cell; `None` for files by themselves.
    run: Option<(RunDirectory, CellId)>,
    /// Files, in the order of training.
    files: Vec<PathBuf>,
}

impl Source {
    fn of(arguments: &Arguments) -> Result<Source, Failure> {
        let (Some(directory), Some(cell)) = (&arguments.directory, &arguments.cell) else {
            return Ok(Source { run: None, files: arguments.weights.clone() });
        };
        let directory = located(directory)?;
        let id = find(&directory, cell)?;
        let folder = directory.cell_weights(id);
        let kept = directory.weights_files(id).map_err(store)?;
        if kept.is_empty() {
            return Err(Failure::Input(format!(
                "{} holds no weights of epochs or steps yet; those of a gradient flow's stages are given by --weights FILE",
                folder.display()
            )));
        }
        let files = if arguments.epochs.is_empty() {
            evenly(kept.len()).into_iter().map(|place| kept[place].1.clone()).collect()
        } else {
            arguments.epochs.iter().map(|epoch| at(&kept, *epoch)).collect::<Result<_, _>>()?
        };
        Ok(Source { run: Some((directory, id)), files })
    }

    fn cell_id(&self) -> Option<String> {
        self.run.as_ref().map(|(_, id)| id.to_string())
    }

    fn default_out(&self) -> PathBuf {
        match &self.run {
            Some((directory, id)) => directory.cell_slices(*id),
            None => PathBuf::from("slice"),
        }
    }

    /// The plane and, where the data are read for it, the shape of their images.
    fn plane(&self, arguments: &Arguments) -> Result<(SlicePlane, Option<[usize; 3]>), Failure> {
        match (&arguments.plane, &self.run) {
            (Some(file), _) => Ok((SlicePlane::from_file(file, arguments.window)?, None)),
            (None, Some((directory, id))) => {
                let block = KeptRun::open(directory)?.block_of(*id)?;
                let plane = SlicePlane::through_samples(&block.train, &arguments.samples, arguments.window)?;
                Ok((plane, block.image))
            }
            (None, None) => Err(Failure::Input("--weights needs a plane: --plane FILE".to_owned())),
        }
    }

    /// Training and test errors of the cell, where it is finished; without them frames only say less.
    fn errors(&self) -> Errors {
        self.run.as_ref().and_then(|(directory, id)| Errors::read(directory, *id)).unwrap_or_default()
    }
}

/// Places of at most [`FRAMES`] of so many, the first and the last among them.
fn evenly(count: usize) -> Vec<usize> {
    let frames = count.min(FRAMES);
    (0..frames).map(|frame| if frames < 2 { 0 } else { frame * (count - 1) / (frames - 1) }).collect()
}

fn at(kept: &[(Moment, PathBuf)], count: usize) -> Result<PathBuf, Failure> {
    kept.iter().find(|(of, _)| of.count == count).map(|(_, path)| path.clone()).ok_or_else(|| {
        let all: Vec<String> = kept.iter().map(|(of, _)| of.count.to_string()).collect();
        let unit = kept.first().map_or("epoch", |(of, _)| of.unit.name());
        Failure::Input(format!("no weights of {unit} {count} were kept; there are those of {}", all.join(", ")))
    })
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let refuse = |error: std::io::Error| {
        Failure::Input(format!(
            "{} cannot be listed: {error}. Weights are kept where the sweep file says so: [observe] weights = \"log\"",
            folder.display()
        ))
    };
    let entries = std::fs::read_dir(folder).map_err(refuse)?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(refuse)).collect()
}

/// The one cell with kept weights whose id begins so.
fn find(directory: &RunDirectory, prefix: &str) -> Result<CellId, Failure> {
    let names = list(&directory.weights())?;
    let ids = names.iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok());
    let advice = format!("{} keeps weights of {} cells", directory.weights().display(), names.len());
    Ok(find_cell(ids, prefix, "cell with kept weights", &advice)?)
}

/// Recorded errors of one cell.
#[derive(Default)]
struct Errors {
    epochs: Vec<u64>,
    train: Vec<f32>,
    test: Vec<f32>,
    /// Steps of an epoch; NaN where that was not recorded.
    steps_per_epoch: f64,
    /// Errors that were recorded at steps.
    at_steps: Vec<(usize, f32, f32)>,
}

impl Errors {
    fn read(directory: &RunDirectory, id: CellId) -> Option<Errors> {
        let path = part_of(&scan(&directory.parts()).ok()?, id)?;
        let part = Part::read(&path).ok()?;
        let cell = StoredCell::of(&part, id, &path).ok()?;
        let of = |name: &str| cell.series(name).map_or_else(Vec::new, |series| series.floats().to_vec());
        let epochs = cell.integers(dimension::EPOCH).into_iter().map(|epoch| epoch as u64).collect();
        let steps_per_epoch = cell.series(STEPS_PER_EPOCH.name).and_then(|of| of.numbers().first().copied());
        let steps_per_epoch = steps_per_epoch.unwrap_or(f64::NAN);
        let [train, test] = ["trajectory_train_error", "trajectory_test_error"];
        let moments = cell.moments(dimension::TRAJECTORY_EPOCH);
        let at_steps = match moments.unit {
            Unit::Epoch => Vec::new(),
            Unit::Step => {
                let errors = of(train).into_iter().zip(of(test));
                moments.counts.into_iter().zip(errors).map(|(step, (train, test))| (step, train, test)).collect()
            }
        };
        Some(Errors { epochs, train: of("train_error"), test: of("test_error"), steps_per_epoch, at_steps })
    }

    /// Training and test error of the cell at a file's weights, if they were recorded: by its step, where it lies within an
    /// epoch.
    fn of(&self, weights: &Weights) -> Option<(f64, f64)> {
        let (epoch, step) = (weights.epoch?, weights.step);
        match step.filter(|step| *step > epoch as f64 * self.steps_per_epoch) {
            None => self.at(epoch),
            Some(step) => {
                let found = self.at_steps.iter().find(|(at, ..)| *at as f64 == step);
                found.map(|&(_, train, test)| (f64::from(train), f64::from(test)))
            }
        }
    }

    /// Training and test error at an epoch, if it was recorded.
    fn at(&self, epoch: u64) -> Option<(f64, f64)> {
        let place = self.epochs.iter().position(|of| *of == epoch)?;
        Some((f64::from(*self.train.get(place)?), f64::from(*self.test.get(place)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_spread_over_what_was_kept() {
        assert_eq!(evenly(1), [0]);
        assert_eq!(evenly(5), [0, 1, 2, 3, 4]);
        assert_eq!(evenly(34), [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33]);
    }

    #[test]
    fn epochs_that_were_not_kept_are_told_with_those_that_were() {
        let kept = [(Moment::step(0), PathBuf::from("a")), (Moment::step(10), PathBuf::from("b"))];
        assert_eq!(at(&kept, 10).ok(), Some(PathBuf::from("b")));
        assert!(
            matches!(at(&kept, 5), Err(Failure::Input(text)) if text.contains("weights of step 5") && text.contains("0, 10"))
        );
    }
}
