//! What is printed for programs is JSON, one object or array a line, and says what the text says.

use serde_json::Value;

use crate::rig::{expect_code, phasesweep, small_run};

fn json(arguments: &[&str], code: i32) -> Value {
    let output = expect_code(phasesweep().args(arguments), code);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn what_scripts_ask_for_is_json() {
    let directory = tempfile::tempdir().unwrap();
    let run = small_run(directory.path());
    let run = run.to_str().unwrap();

    let plan = json(&["plan", run, "--json"], 0);
    assert_eq!((&plan["cells"], &plan["seeds"], &plan["name"]), (&4.into(), &2.into(), &"small".into()));
    assert_eq!(plan["axes"]["optimiser"], serde_json::json!(["sgd lr=0.2", "sgd lr=0.4"]));
    assert!(plan["seconds"][0].as_f64() <= plan["seconds"][1].as_f64(), "{plan}");

    let status = json(&["status", run, "--json"], 0);
    assert_eq!((&status["cells"], &status["complete"], &status["waiting"]), (&4.into(), &4.into(), &0.into()));

    let collected = json(&["collect", run, "--json"], 0);
    assert_eq!((&collected["complete"], &collected["missing"]), (&4.into(), &0.into()));
    assert!(collected["file"].as_str().unwrap().ends_with("small/results.h5"));

    let file = hdf5::File::open(format!("{run}/results.h5")).unwrap();
    let ids: Vec<hdf5::types::VarLenUnicode> = file.dataset("cell_id").unwrap().read_raw().unwrap();
    let errors = file.dataset("train_error").unwrap().read_2d::<f32>().unwrap();
    let cell = json(&["show", run, "--cell", ids[2].as_str(), "--json"], 0);
    assert_eq!((cell["cell"].as_str(), cell["status"].as_str()), (Some(ids[2].as_str()), Some("complete")));
    assert_eq!(cell["specification"]["optimiser"]["lr"].as_f64().or(Some(0.4)), Some(0.4));
    let last = cell["last_values"].as_array().unwrap();
    let error = last.iter().find(|value| value["name"] == "train_error").unwrap();
    assert_eq!((error["value"].as_f64().unwrap() as f32, &error["at"]), (errors[[2, 30]], &30.into()));
    let radius = cell["trajectories"].as_array().unwrap().iter().find(|series| series["name"] == "R_0").unwrap();
    assert_eq!(radius["at"].as_array().unwrap().len(), radius["values"].as_array().unwrap().len());

    let sources = json(&["data", "list", "--json"], 0);
    let digits = sources.as_array().unwrap().iter().find(|source| source["name"] == "digits").unwrap();
    assert_eq!((&digits["is_here"], &digits["classes"]), (&true.into(), &10.into()));
}
