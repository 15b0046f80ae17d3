//! The reference pages of the results file, `docs/results.md`, and of each observable on copies of the weights,
//! `docs/observables/`: made from the contract and from the program's own tables, and held against them, so that they cannot
//! drift. The definition of an observable is the head of its source file, its cost what `benches/observables.sh` measured.
//! The page of the command line, `docs/command-line.md`, is what the built programs say of themselves.

use std::fmt::Write;
use std::fs;

use phasesweep::observables::{self, Entry};
use phasesweep::plan::Plan;
use phasesweep::store::schema;
use phasesweep_results::cell::{BLOCK_IMAGES, BLOCK_LABELS, CELL_VARIABLES};
use phasesweep_results::dimension::{self, CELL, LabelKind};
use phasesweep_results::format::RESULTS;
use phasesweep_results::{AXES, FlowStop, MISSING_BYTE, RESULTS_FILE, Status, attribute};

/// Compares a page with what it should be; writes it where `PHASESWEEP_REGENERATE` is set.
fn check(path: &str, page: &str) {
    if std::env::var_os("PHASESWEEP_REGENERATE").is_some() {
        fs::write(path, page).expect("the page can be written");
        return;
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    let line = found.lines().zip(page.lines()).position(|(found, made)| found != made);
    let line = line.unwrap_or_else(|| found.lines().count().min(page.lines().count())) + 1;
    assert!(found == page, "{path} is not what the declarations say (line {line}): `make docs` writes it anew");
}

/// A cell of a Markdown table: bars would end it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn numbers_of_the_specification() -> Vec<(&'static str, &'static str)> {
    const SMALLEST: &str = r#"
        [sweep]
        name = "x"
        seeds = 1
        [[data]]
        source = "digits"
        [[subsample]]
        size = 100
        [[architecture]]
        kind = "mlp"
        hidden = [10]
        activation = "tanh"
        [[optimiser]]
        kind = "sgd"
        lr = 0.1
        [train]
        epochs = 1
    "#;
    let sweep = phasesweep::sweep::parse(SMALLEST, "x.toml", &[]).expect("a valid sweep");
    let plan = Plan::new(sweep, &["d".to_owned()]);
    plan.numbers().into_iter().map(|number| (number.name, number.long_name)).collect()
}

fn page() -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(
        out,
        "# `{RESULTS_FILE}`\n\n\
         <!-- Made by tests/docs.rs from the declarations: `make docs` makes it again. -->\n\n\
         Everything that a run measured, in one HDF5 file that netCDF-4 readers open: `xarray.open_dataset(…, \
         engine=\"h5netcdf\")`, h5py, `ncdump`, Julia, MATLAB. This page is format version {}; versions from {} on are read. \
         Names are promises: none is changed or reused.\n\n\
         A float that was not measured is NaN, a byte {MISSING_BYTE}. A variable that no cell of the sweep measures is not \
         in the file. Cells stand in the order of the plan; every cell of the plan has its place, whether it was trained or \
         not.\n",
        RESULTS.current, RESULTS.oldest
    )?;

    writeln!(
        out,
        "## Variables\n\n\
         Along the recorded epochs unless another dimension of epochs is named. Units are \"1\" (pure numbers) where none \
         are given.\n\n\
         | name | dimensions | type | units | what it is | there with |\n| --- | --- | --- | --- | --- | --- |"
    )?;
    for variable in schema::VARIABLES {
        let dims = variable.dims.iter().map(|dim| dim.name).collect::<Vec<_>>().join(", ");
        let units = if variable.units == "1" { "" } else { variable.units };
        let (name, dtype) = (variable.name, variable.dtype.name());
        let (what, when) = (cell(variable.long_name), cell(variable.when));
        writeln!(out, "| `{name}` | {dims} | {dtype} | {units} | {what} | {when} |")?;
    }
    writeln!(
        out,
        "\nThe bits of `misclassified` in Python: `numpy.unpackbits(runs.misclassified.values, axis=-1)`; the block's samples \
         come first, padding after them.\n\n\
         `flow_stop`: {}; {MISSING_BYTE} where a cell was not trained or diverged.\n",
        FlowStop::ALL.map(|stop| format!("{} {}", stop.code(), stop.name())).join(", ")
    )?;

    writeln!(
        out,
        "## Dimensions\n\n\
         | dimension | labels in | type | units | what a label is |\n| --- | --- | --- | --- | --- |"
    )?;
    for dim in std::iter::once(&CELL).chain(schema::dimensions()) {
        let (kind, coordinate) = match dim.labels {
            LabelKind::Integer => ("int64", format!("`{}`", dim.coordinate)),
            LabelKind::Number => ("float64", format!("`{}`", dim.coordinate)),
            LabelKind::Text => ("text", format!("`{}`", dim.coordinate)),
            LabelKind::Position => ("", "no labels: counts from 0".to_owned()),
        };
        let units = if dim.units == "1" { "" } else { dim.units };
        writeln!(out, "| `{}` | {coordinate} | {kind} | {units} | {} |", dim.name, cell(dim.long_name))?;
    }

    writeln!(
        out,
        "\nAn observable whose `at` names steps (`{{ steps = [0, 1, 2, 5] }}`) has steps of the optimiser along its last dimension, \
         which is then called `…_step` instead of `…_epoch`, with the unit \"{}\": `weight_norm` lies along `weight_norm_step`. \
         All cells have the same steps there; which epoch a step is depends on how many steps the cell takes in one: \
         `runs.weight_norm_step / runs.steps_per_epoch` are epochs, for each cell. A cell that ends before a step is NaN there. \
         The training error at a step is `trajectory_train_error` where `trajectory` was asked for at that step, and \
         `train_error` where the step ends a recorded epoch.",
        dimension::STEPS
    )?;

    writeln!(
        out,
        "\n## What each cell is\n\n\
         One value for each cell. A number of the specification that a cell does not have is NaN, a text empty.\n\n\
         | name | type | units | what it is |\n| --- | --- | --- | --- |"
    )?;
    for variable in CELL_VARIABLES {
        let units = if variable.units == "1" { "" } else { variable.units };
        let (name, dtype) = (variable.name, variable.dtype.name());
        writeln!(out, "| `{name}` | {dtype} | {units} | {} |", cell(variable.long_name))?;
    }
    for axis in AXES {
        writeln!(
            out,
            "| `{axis}` | text | | label of the cell's `[[{axis}]]`, for people: cells are grouped by `variant` |"
        )?;
    }
    for (name, what) in numbers_of_the_specification() {
        writeln!(out, "| `{name}` | float64 | | {} |", cell(what))?;
    }
    writeln!(
        out,
        "| `TABLE_KEY` | float64 or text | | for every further key in which the entries of an axis differ: \
         `data_normalise`, `optimiser_margin` |\n\n\
         `status` is one of:\n\n| status | means |\n| --- | --- |"
    )?;
    for status in Status::ALL {
        writeln!(out, "| `{}` | {} |", status.name(), cell(status.meaning()))?;
    }
    writeln!(
        out,
        "\n`{}` holds the distinct texts of these coordinates once; nothing else needs it.\n\n\
         ## The training block\n\n\
         Where all cells share one block and it is of images: `{BLOCK_IMAGES}` (`{}`, `{}`, `{}`; uint8), the images in the order \
         of the bits of `misclassified`, and `{BLOCK_LABELS}` (`{}`; int64), the class of each.\n",
        dimension::TEXT,
        dimension::BLOCK_SAMPLE,
        dimension::ROW,
        dimension::COLUMN,
        dimension::BLOCK_SAMPLE,
    )?;

    writeln!(out, "## Attributes of the file\n\n| name | what it says |\n| --- | --- |")?;
    for attribute in attribute::ATTRIBUTES {
        writeln!(out, "| `{}` | {} |", attribute.name, cell(attribute.meaning))?;
    }
    writeln!(
        out,
        "\nEvery variable has `units` and `long_name`; measured ones have `coordinates` (CF), `dimensions` (their names, \
         slowest first, for readers without dimension scales) and, if floats, `_FillValue`; what was measured after the run has \
         `{}`.",
        attribute::MEASURED_AFTERWARDS
    )?;
    Ok(out)
}

#[test]
fn the_page_of_the_results_file_is_what_the_declarations_say() {
    check("docs/results.md", &page().expect("a page"));
}

/// What an observable costs, over the rounds of its measurement.
struct Cost {
    name: String,
    /// Median, a cell.
    milliseconds: f64,
    /// Shares of training: the median, the least and the most.
    share: f64,
    least: f64,
    most: f64,
}

/// What the observables cost, and where that was measured; `None` without the file. It holds the raw lines of
/// `benches/observables.sh` below a line that names the machine and, as a word before `cells`, their number.
fn costs() -> Option<(String, Vec<Cost>)> {
    let text = fs::read_to_string("docs/observables/costs.csv").ok()?;
    let mut lines = text.lines();
    let machine = lines.next().and_then(|line| line.strip_prefix("# ")).expect("the machine is named").to_owned();
    let words: Vec<&str> = machine.split_whitespace().collect();
    let place = words.iter().position(|word| word.starts_with("cells")).expect("the number of cells is named");
    let cells: f64 = words[place - 1].parse().expect("a number of cells");
    let mut rows: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for line in lines.skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [name, _, without, with] = fields.as_slice() else { panic!("four fields, not `{line}`") };
        let pair = (without.parse().expect("seconds"), with.parse().expect("seconds"));
        match rows.iter_mut().find(|(other, _)| other == name) {
            Some((_, pairs)) => pairs.push(pair),
            None => rows.push(((*name).to_owned(), vec![pair])),
        }
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
    };
    let of = |(name, pairs): (String, Vec<(f64, f64)>)| {
        let training = median(pairs.iter().map(|(without, _)| *without).collect());
        let more: Vec<f64> = pairs.iter().map(|(without, with)| with - without).collect();
        let least = more.iter().copied().fold(f64::INFINITY, f64::min) / training;
        let most = more.iter().copied().fold(f64::NEG_INFINITY, f64::max) / training;
        let more = median(more);
        Cost { name, milliseconds: 1000.0 * more / cells, share: more / training, least, most }
    };
    Some((machine, rows.into_iter().map(of).collect()))
}

/// A cost in milliseconds and as a share. One below two per cent, or that some round saw as a gain, cannot be told from the
/// noise of a run; it is then said what it is under.
fn told(cost: &Cost) -> [String; 2] {
    const NOISE: f64 = 0.02;
    let percent = |share: f64| format!("under {:.0}%", (100.0 * share).ceil());
    match cost.share < NOISE || cost.least <= 0.0 {
        true => ["not told from noise".to_owned(), percent(cost.most.max(NOISE))],
        false => [format!("{:.0} ms a cell", cost.milliseconds), format!("{:.0}%", 100.0 * cost.share)],
    }
}

/// The head of an observable's source file as Markdown: links to items become the items' names.
fn definition(name: &str) -> String {
    let file = [format!("src/observables/{name}.rs"), format!("src/observables/{name}/mod.rs")];
    let source = file.iter().find_map(|path| fs::read_to_string(path).ok()).expect("every observable is a file");
    let head: Vec<&str> = source.lines().map_while(|line| line.strip_prefix("//!")).collect();
    let head: Vec<&str> = head.into_iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    // What the code holds to is no part of what is measured.
    let end = head.iter().position(|line| line.starts_with("Invariant")).unwrap_or(head.len());
    let mut text = head[..end].join("\n").trim_end().to_owned();
    while let Some(start) = text.find("[`") {
        let Some(end) = text[start..].find("`]").map(|at| start + at) else { break };
        let behind = text[end + 2..].strip_prefix('(').and_then(|rest| rest.find(')')).map_or(0, |at| at + 2);
        let item = text[start + 2..end].rsplit("::").next().unwrap_or_default().to_owned();
        text.replace_range(start..end + 2 + behind, &format!("`{item}`"));
    }
    text
}

fn page_of_observable(
    entry: &Entry,
    keys: &[observables::KeyDescription],
    cost: Option<&Cost>,
) -> Result<String, std::fmt::Error> {
    let name = entry.name;
    let mut out = String::new();
    let required: String = keys
        .iter()
        .filter(|key| key.default.is_none())
        .map(|key| format!(", {} = {}", key.name, key.example))
        .collect();
    writeln!(
        out,
        "# `{name}`\n\n<!-- Made by tests/docs.rs from src/observables/{name}: `make docs` makes it again. -->\n\n{}\n\n\
         ```toml\n[observe]\n{name} = {{ at = \"log\"{required} }}\n```\n\n\
         `phasesweep keys {name}`, and [sweep-file.md](../sweep-file.md) for all tables:\n",
        definition(name)
    )?;
    for key in keys {
        let default = key.default.as_ref().map_or_else(String::new, |default| format!(" (default: {default})"));
        writeln!(out, "- `{}`: {}{default}", key.name, key.meaning)?;
    }
    writeln!(out, "\n| variable | dimensions | units | what it is |\n| --- | --- | --- | --- |")?;
    for variable in entry.variables {
        let dims = variable.dims.iter().map(|dim| dim.name).collect::<Vec<_>>().join(", ");
        let units = if variable.units == "1" { "" } else { variable.units };
        writeln!(out, "| `{}` | {dims} | {units} | {} |", variable.name, cell(variable.long_name))?;
    }
    if let Some(cost) = cost {
        let [milliseconds, share] = told(cost);
        writeln!(
            out,
            "\n**Cost** at the default schedule on `sweeps/inversion-mnist.toml`: {milliseconds}, {share} of training \
             without it ([all of them](README.md)).",
        )?;
    }
    for variable in entry.variables {
        let picture = format!("{}.svg", variable.name);
        if fs::exists(format!("docs/observables/{picture}")).unwrap_or(false) {
            writeln!(out, "\n![{} on digits](../observables/{picture})", variable.name.replace('_', " "))?;
        }
    }
    Ok(out)
}

#[test]
fn the_pages_of_the_observables_are_what_their_files_say() {
    let documented = observables::documentation();
    let costs = costs();
    let mut index = String::from(
        "# Observables on copies of the weights\n\n<!-- Made by tests/docs.rs from the registry: `make docs` makes it again. -->\n\n\
         Each is a table of `[observe]`, measured at scheduled epochs, or steps of the optimiser, of any network that it applies to, on every engine and \
         device, or afterwards on kept weights. The report draws each series and searches it for turning points.\n\n\
         | observable | what it is | cost | share of training |\n| --- | --- | ---: | ---: |\n",
    );
    for entry in observables::OBSERVABLES {
        let (_, meaning, keys) =
            documented.iter().find(|(name, ..)| *name == entry.name).expect("every line is documented");
        let cost = costs.as_ref().and_then(|(_, rows)| rows.iter().find(|cost| cost.name == entry.name));
        let page = page_of_observable(entry, keys, cost).expect("a page");
        check(&format!("docs/observables/{}.md", entry.name), &page);
        let [milliseconds, share] = cost.map_or(["not measured".to_owned(), String::new()], told);
        writeln!(index, "| [`{0}`]({0}.md) | {1} | {milliseconds} | {share} |", entry.name, cell(meaning))
            .expect("text");
    }
    if let Some((machine, _)) = &costs {
        writeln!(
            index,
            "\nCosts are what a run of `sweeps/inversion-mnist.toml` takes longer with the observable at its default schedule, \
             `\"log\"`, medians of runs in turn: `benches/observables.sh phasesweep` ({machine}; raw numbers in \
             [costs.csv](costs.csv)). Training itself is short there: 8192 samples, one layer of 20, 500 epochs."
        )
        .expect("text");
    }
    check("docs/observables/README.md", &index);
}

/// What a built program prints with these arguments. It wraps its lines by a terminal that it does not have here.
fn said(program: &std::path::Path, arguments: &[&str]) -> String {
    let output = std::process::Command::new(program)
        .args(arguments)
        .env_remove("COLUMNS")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{program:?} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The subcommands that a help names, `help` itself left out.
fn subcommands(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let named = list.filter(|line| line.starts_with("  ") && !line[2..].starts_with(' '));
    named.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The help of a command, and of its subcommands beneath it.
fn describe(program: &std::path::Path, path: &[&str], out: &mut String) {
    let help = said(program, &[path, &["--help"]].concat());
    let name = program.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let title = std::iter::once(name).chain(path.iter().copied()).collect::<Vec<_>>().join(" ");
    let level = "#".repeat(path.len().min(2) + 1 + usize::from(path.is_empty()));
    writeln!(out, "{level} `{title}`\n\n```text\n{}\n```\n", help.trim()).expect("text");
    for subcommand in subcommands(&help) {
        describe(program, &[path, &[subcommand.as_str()]].concat(), out);
    }
}

/// The exit codes with what their lines in `src/cli/exit.rs` say of them.
fn exit_codes() -> Vec<(u8, String)> {
    let source = fs::read_to_string("src/cli/exit.rs").expect("the source");
    let lines: Vec<&str> = source.lines().collect();
    let code = |pair: &[&str]| {
        let meaning = pair[0].strip_prefix("/// ")?;
        let (_, number) = pair[1].split_once("const ")?.1.split_once(": u8 = ")?;
        Some((number.trim_end_matches(';').parse().ok()?, meaning.to_owned()))
    };
    lines.windows(2).filter_map(code).collect()
}

/// With options that this build alone has the page is that of the default features, which `make test` builds.
#[test]
fn the_page_of_the_command_line_is_what_the_programs_say() {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_phasesweep"));
    let report = program.with_file_name("phasesweep-report");
    if !report.is_file() {
        println!("skipped: phasesweep-report was not built");
        return;
    }
    let mut out = String::from(
        "# Commands, options and exit codes\n\n<!-- Made by tests/docs.rs from what the programs print: `make docs` makes it \
         again. -->\n\nEvery command with its options, as `--help` prints it. `phasesweep complete bash` (zsh, fish, elvish, powershell) prints \
         a completion script, `phasesweep complete man` the manual page; `make install` installs both.\n\n## Exit codes\n\n| exit \
         code | means |\n| --- | --- |\n",
    );
    let codes = exit_codes();
    assert_eq!(codes.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [0, 1, 2, 70, 75]);
    let readme = fs::read_to_string("README.md").expect("the README");
    for (code, meaning) in codes {
        let row = format!("| {code} | {meaning} |");
        assert!(readme.contains(&row), "the README's table of exit codes lacks `{row}`");
        writeln!(out, "{row}").expect("text");
    }
    out.push_str(
        "\nA job script branches on them: 75 requeues, everything else ends the job. `phasesweep report` ends with 0, 2 or 70.\n\n",
    );
    describe(program, &[], &mut out);
    describe(&report, &[], &mut out);
    check("docs/command-line.md", &format!("{}\n", out.trim_end()));
}

/// What docs/own-question.md shows of its sweep is the sweep, and the head of that file has the page's lines of Python. That
/// they do what they say is tests/book's to hold.
#[test]
fn the_page_of_ones_own_question_shows_the_sweep_that_is_there() {
    let page = fs::read_to_string("docs/own-question.md").expect("the page");
    let sweep = fs::read_to_string("sweeps/own-arrays.toml").expect("the sweep");
    let block = |language: &str| {
        let begin = page.find(&format!("```{language}\n")).expect("a block") + language.len() + 4;
        &page[begin..begin + page[begin..].find("```").expect("its end")]
    };
    assert!(sweep.contains(block("toml")), "docs/own-question.md shows another sweep file");
    let lines: Vec<String> = block("python").lines().map(|line| format!("#     {line}")).collect();
    assert!(sweep.contains(&lines.join("\n")) && lines.len() == 6, "sweeps/own-arrays.toml says other lines");
}
