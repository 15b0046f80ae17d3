//! The page: what a user named cannot break out of it, what is embedded is what the tables say, and, in a headless Chromium, that
//! it can be explored (`analysis/page/tests`, driven by node).
//!
//! The browser's tests need node, `npm ci` in analysis/page (`make page-tools`) and Chromium. Where one is absent they are passed
//! over with a sentence, but fail where the environment says CI.

mod fixture;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixture::{Cell, Holds, SAMPLES, error, rows, unlocked, write};
use hdf5::types::VarLenUnicode;
use phasesweep_analysis::{Options, report};

const NASTY: &str =
    "</script><script>document.title='broken out'</script><img src=x onerror=\"document.title='broken out'\">";

fn quick() -> Options {
    Options { bootstrap: 200, ..Options::default() }
}

/// Two architectures, two learning rates and six seeds; of the last cells one turns at an edge, one diverged, one failed.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (place, architecture) in ["mlp 10 tanh", NASTY].into_iter().enumerate() {
        for (step, optimiser) in ["sgd lr=0.2", "sgd lr=0.4"].into_iter().enumerate() {
            let cell =
                |seed| Cell { optimiser, ..Cell::new(architecture, seed, 50 + 10 * place + 3 * step + seed as usize) };
            cells.extend((0..6).map(cell));
        }
    }
    cells[21].turns_at = fixture::T;
    cells[22].status = "diverged";
    cells[23].status = "failed";
    cells
}

/// Writes a results file with that title.
fn titled(folder: &Path, cells: &[Cell], title: &str) {
    fs::create_dir_all(folder).expect("a folder");
    let path = folder.join("results.h5");
    write(&path, cells, Holds::default()).expect("the fixture");
    let file = unlocked().open_rw(&path).expect("the fixture");
    let title: VarLenUnicode = title.parse().expect("no NUL");
    file.attr("title").and_then(|attribute| attribute.write_scalar(&title)).expect("the title");
}

/// Bytes of base64 (RFC 4648), as another program reads them.
fn from_base64(text: &str) -> Vec<u8> {
    let place = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let bits =
        text.trim_end_matches('=').bytes().flat_map(|letter| (0..6).rev().map(move |bit| place(letter) >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
}

/// The header and the arrays of a block of the page.
fn block(page: &str, name: &str) -> (serde_json::Value, Vec<u8>) {
    let start = format!("<script type=\"application/octet-stream\" id=\"{name}\">");
    let text = page.split_once(&start).expect("the block").1.split_once("</script>").expect("its end").0;
    let mut bytes = Vec::new();
    flate2::read::ZlibDecoder::new(&from_base64(text)[..]).read_to_end(&mut bytes).expect("zlib");
    let length = u32::from_le_bytes(bytes[..4].try_into().expect("four bytes")) as usize;
    let header = serde_json::from_slice(&bytes[4..4 + length]).expect("JSON");
    (header, bytes.split_off((4 + length).next_multiple_of(8)))
}

/// Floats of 32 bits that lie byte by byte.
fn floats(arrays: &[u8], at: u64, count: usize) -> Vec<f32> {
    let planes = &arrays[at as usize..at as usize + 4 * count];
    (0..count).map(|i| f32::from_le_bytes([0, 1, 2, 3].map(|plane| planes[plane * count + i]))).collect()
}

#[test]
fn what_a_user_named_does_not_break_out_of_the_page() {
    let folder = tempfile::tempdir().expect("a folder");
    titled(folder.path(), &cells(), NASTY);
    let page = fs::read_to_string(report(folder.path(), None, &quick()).expect("a report").page).expect("the page");
    assert!(!page.contains("<script>document.title") && !page.contains("<img src=x"));
    assert!(page.contains("&lt;&#x2f;script&gt;"), "the name is on the page, escaped");
    // Three blocks of data and one script, which the policy knows by its hash; nothing else may run or be asked for.
    assert_eq!(page.matches("<script").count(), 4);
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-"));
}

#[test]
fn the_explorer_is_given_what_the_file_says_of_every_cell() {
    let folder = tempfile::tempdir().expect("a folder");
    titled(folder.path(), &cells(), "fixture");
    let page = fs::read_to_string(report(folder.path(), None, &quick()).expect("a report").page).expect("the page");
    let (header, arrays) = block(&page, "cells-block");
    assert_eq!(header["cells"], 24);
    let columns = header["columns"].as_array().expect("columns");
    let named = |key: &str| columns.iter().find(|column| column["key"] == key).unwrap_or_else(|| panic!("no {key}"));
    let numbers = |key: &str| floats(&arrays, named(key)["at"].as_u64().expect("a place"), 24);
    let (stars, epochs) = (numbers("epsilon_star:distance"), numbers("turns_at:distance"));
    for (at, cell) in cells().iter().enumerate() {
        if at < 21 {
            assert!((f64::from(stars[at]) - error(cell.turns_at)).abs() < 1e-7);
            assert_eq!(epochs[at], cell.turns_at as f32);
        } else {
            assert!(stars[at].is_nan() && epochs[at].is_nan(), "cell {at} has no turning point");
        }
    }
    assert_eq!(named("epsilon_star:distance")["decimals"], 2, "errors of {SAMPLES} samples");
    let found = rows(&folder.path().join("report/turning_points.csv"));
    let of_distance = |row: &&std::collections::BTreeMap<String, String>| {
        (&*row["observable"], &*row["rule"], &*row["status"]) == ("distance", "prominence", "found")
    };
    assert_eq!(found.iter().filter(of_distance).count(), stars.iter().filter(|star| star.is_finite()).count());
    assert_eq!(numbers("lr")[6], 0.4);
    assert!(numbers("final_train_error")[23].is_nan() && numbers("final_train_error")[0] == 0.0);
    assert_eq!(numbers("least_test_epoch")[0], 80.0);
    let turns = named("turns:distance");
    let codes = &arrays[turns["at"].as_u64().expect("a place") as usize..][..24];
    assert_eq!(turns["levels"], serde_json::json!(["found", "edge", "diverged", "failed"]));
    assert_eq!(codes[20..], [0, 1, 2, 3]);
    // The architecture first, then the learning rate, which stands for the optimiser; the second rule agrees within an epoch,
    // and is there because it is not the same.
    let key = |place: &serde_json::Value| columns[place.as_u64().expect("a place") as usize]["key"].clone();
    let start = &header["start"];
    assert_eq!(key(&start["x"]), "architecture");
    assert_eq!((key(&start["y"]), key(&start["colour"])), ("epsilon_star:distance".into(), "lr".into()));

    let (header, arrays) = block(&page, "trajectories-block");
    let lines = header["lines"].as_array().expect("lines");
    let distance = lines.iter().find(|line| line["label"] == "D").expect("the distance");
    let moments = distance["moments"].as_array().expect("moments").len();
    let at = |name: &str| distance[name].as_u64().expect("a place");
    let (low, high) = (floats(&arrays, at("low"), 24), floats(&arrays, at("high"), 24));
    let mut code = 0_u8;
    for (place, step) in arrays[at("codes") as usize..][..moments].iter().enumerate() {
        code = code.wrapping_add(*step);
        let value = f64::from(low[0]) + f64::from(code) / 254.0 * f64::from(high[0] - low[0]);
        let epoch = distance["moments"][place].as_f64().expect("an epoch");
        // Half of a 254th of the trajectory's range, 0.25.
        assert!((value - (1.5 - 1e-4 * (epoch - 50.0).powi(2))).abs() < 0.25 / 508.0 + 1e-6, "at epoch {epoch}");
    }

    let (header, arrays) = block(&page, "stragglers-block");
    assert_eq!((&header["samples"], &header["count"]), (&SAMPLES.into(), &21.into()));
    // Samples 0 and 20 of 21, at the snapshot of epoch 60.
    let bits = &arrays[header["bits"].as_u64().expect("a place") as usize..][..3];
    assert_eq!(bits, [0b1000_0000, 0, 0b0000_1000]);
}

/// Why the browser's tests cannot be run here, if so.
fn absent(tests: &Path) -> Option<&'static str> {
    let runs =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    match () {
        () if !runs("node") => Some("node is absent: `make page-tools` installs it"),
        () if !tests.join("../node_modules/playwright-core").is_dir() => {
            Some("analysis/page/node_modules is absent: run `make page-tools`")
        }
        () if !runs(&chromium) => Some("chromium is absent: `make page-tools` installs it"),
        () => None,
    }
}

#[test]
fn the_page_can_be_explored_in_a_browser() {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("page/tests");
    if let Some(why) = absent(&tests) {
        assert!(std::env::var_os("CI").is_none(), "{why}");
        eprintln!("The page was not tested in a browser: {why}.");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let pages = |name: &str| folder.path().join(name);
    titled(&pages("few"), &cells(), NASTY);
    // Cells of 40 variants, to scroll through; ε* lies between 0.06 and 0.1.
    let many = (0..3000).map(|cell| Cell {
        star: Some(0.06 + 0.04 * f64::from(cell % 97) / 97.0),
        optimiser: ["sgd lr=0.1", "sgd lr=0.2", "sgd lr=0.4", "sgd lr=0.8"][cell as usize % 4],
        ..Cell::new(["mlp 10 tanh", "mlp 20 tanh"][cell as usize / 4 % 2], i64::from(cell / 8), 30 + cell as usize % 40)
    });
    titled(&pages("many"), &many.collect::<Vec<_>>(), "many");
    for name in ["few", "many"] {
        report(&pages(name), None, &quick()).expect("a report");
    }
    let mut files: Vec<PathBuf> =
        fs::read_dir(&tests).expect("the tests").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    let run = Command::new("node")
        .arg("--test")
        .args(files)
        .env("PHASESWEEP_PAGES", folder.path())
        .output()
        .expect("node runs");
    assert!(run.status.success(), "{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    let built =
        Command::new("node").arg("build.mjs").arg("--check").current_dir(tests.join("..")).output().expect("node runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}
