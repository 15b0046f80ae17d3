//! A file store of MLflow, a run a cell: parameters, metrics along training and tags, as MLflow itself lays them out.
//!
//! `mlruns/EXPERIMENT/RUN/{params,metrics,tags}/NAME`, with a `meta.yaml` of the experiment and of each run. The ids of runs are
//! those of cells, so that an export replaces the last one. Invariants: one line a value (milliseconds, value, step); what was
//! not measured has none.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::choice::Choice;
use super::runs;
use super::series;
use crate::error::{Error, Result};
use crate::results::{Results, Status};

/// Writes `mlruns`; says how many runs it holds.
pub(super) fn write(results: &Results, folder: &Path, choice: &Choice) -> Result<String> {
    let name = results.provenance.name.clone().unwrap_or_else(|| "phasesweep".to_owned());
    let store = folder.join("mlruns");
    let variables = series::variables(results, choice.every)?;
    let experiment = experiment_id(&name);
    let of_experiment = store.join(&experiment);
    let root = fs::canonicalize(folder).map_err(|source| Error::Write { path: folder.to_owned(), source })?;
    let place = |below: &str| {
        format!("file://{}", escaped(&root.join("mlruns").join(&experiment).join(below).display().to_string()))
    };
    put(
        &of_experiment.join("meta.yaml"),
        &format!(
            "artifact_location: {}\ncreation_time: 0\nexperiment_id: '{experiment}'\nlast_update_time: 0\nlifecycle_stage: active\nname: {}\n",
            quoted(place("").trim_end_matches('/')),
            quoted(&name)
        ),
    )?;
    for range in series::slabs(results, &variables) {
        let slabs: Vec<Vec<f32>> =
            variables.iter().map(|of| series::read(results, of, range.clone())).collect::<Result<_>>()?;
        for cell in range.clone() {
            let id = &results.cells.id[cell];
            let run = runs::run(results, cell);
            let of_run = of_experiment.join(id);
            let milliseconds = |seconds: f64| (1000.0 * seconds).round() as i64;
            // RunStatus of MLflow's protocol: 3 finished, 4 failed; one that was not trained is scheduled (2).
            let status = match results.cells.status[cell] {
                Status::Complete | Status::Diverged => 3,
                Status::Failed => 4,
                Status::Missing => 2,
            };
            let mut meta = String::new();
            for (key, value) in [
                ("artifact_uri", quoted(&place(&format!("{id}/artifacts")))),
                ("end_time", milliseconds(run.seconds).to_string()),
                ("entry_point_name", "''".to_owned()),
                ("experiment_id", format!("'{experiment}'")),
                ("lifecycle_stage", "active".to_owned()),
                ("run_id", quoted(id)),
                ("run_name", quoted(&run.name)),
                ("run_uuid", quoted(id)),
                ("source_name", "''".to_owned()),
                ("source_type", "4".to_owned()),
                ("source_version", "''".to_owned()),
                ("start_time", "0".to_owned()),
                ("status", status.to_string()),
                ("tags", "[]".to_owned()),
                ("user_id", "phasesweep".to_owned()),
            ] {
                _ = writeln!(meta, "{key}: {value}");
            }
            put(&of_run.join("meta.yaml"), &meta)?;
            // A run without one of them is none to MLflow, even where nothing is in it.
            for folder in ["artifacts", "metrics", "params", "tags"] {
                fs::create_dir_all(of_run.join(folder))
                    .map_err(|source| Error::Write { path: of_run.clone(), source })?;
            }
            for (key, value) in &run.parameters {
                put(&of_run.join("params").join(key), value)?;
            }
            put(&of_run.join("tags/mlflow.runName"), &run.name)?;
            put(&of_run.join("tags/phasesweep.status"), results.cells.status[cell].name())?;
            for (path, points) in runs::metrics(&variables, &slabs, cell - range.start, run.seconds) {
                let line =
                    |point: &runs::Point| format!("{} {} {}\n", milliseconds(point.seconds), point.value, point.at);
                put(&of_run.join("metrics").join(path), &points.iter().map(line).collect::<String>())?;
            }
        }
    }
    Ok(format!(
        "{} runs of the experiment {name}: mlflow ui --backend-store-uri {}",
        results.cells.len(),
        store.display()
    ))
}

/// An experiment's id: 18 digits that its name decides (FNV-1a), as MLflow's own are 18 digits at random.
fn experiment_id(name: &str) -> String {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:018}", hash % 900_000_000_000_000_000 + 100_000_000_000_000_000)
}

/// A YAML scalar in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''").replace(['\n', '\r'], " "))
}

/// A path as a part of a URI.
fn escaped(path: &str) -> String {
    let byte = |byte: u8| match byte {
        b'/' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    path.bytes().map(byte).collect()
}

/// Writes a small file; there are many, which are not synced one by one: what was torn is exported again.
fn put(path: &Path, text: &str) -> Result<()> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)
}
