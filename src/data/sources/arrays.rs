//! A researcher's own arrays, from NumPy's `.npz` or a directory of `.npy` files, HDF5, safetensors, CSV or TSV. What the
//! formats hold and how it is read is told by the room `data/arrays`; inputs are used as they are stored, in single precision.

use std::path::Path;

use serde::{Serialize, Serializer};

use super::definition::{Conflict, Decoded, Definition, Files, Half, PathKey, Sizes};
use crate::data::DataError;
use crate::data::arrays::{self, Cut, Facts, Inputs, Part, Wanted};
use crate::data::matrix::Matrix;
use crate::key::{Absent, Bound, Form, Key, Literal, Values};

const INPUTS: Key = Key {
    name: "inputs",
    form: Form::NameList,
    absent: Absent::Means("`x_train` or `x`; of a table every column that is no target"),
    doc: "the array of inputs, n×d (points), n×h×w or n×c×h×w (images); of a table its columns of numbers",
    ..Key::BLANK
};
const TARGETS: Key = Key {
    name: "targets",
    form: Form::NameList,
    absent: Absent::Means("`y_train` or `y`; of a table *required*"),
    doc: "the array of classes: n whole numbers or texts, or n×k one-hot rows; of a table a column, or its one-hot columns. \
          Texts and numbers below 0 are classes in ascending order, numbered from 0",
    ..Key::BLANK
};
const TEST_INPUTS: Key = Key {
    name: "test_inputs",
    form: Form::NameList,
    absent: Absent::Means("`x_test`, where no test set is cut off"),
    doc: "the array of the test set's inputs",
    ..Key::BLANK
};
const TEST_TARGETS: Key = Key {
    name: "test_targets",
    form: Form::NameList,
    absent: Absent::Means("`y_test`, where no test set is cut off"),
    doc: "the array of the test set's classes",
    ..Key::BLANK
};
const TEST_SHARE: Key = Key {
    name: "test_share",
    form: Form::Numbers,
    bound: Bound::InsideUnit,
    absent: Absent::Means("none is cut off"),
    doc: "share of the samples that are drawn as the test set",
    ..Key::BLANK
};
const TEST_DRAW: Key = Key {
    name: "test_draw",
    form: Form::Integers,
    bound: Bound::Whole(0, i64::MAX as i128),
    absent: Absent::Is(Literal::Integer(0)),
    doc: "number of the draw of `test_share`, the same for all seeds",
    ..Key::BLANK
};
const TEST_LAST: Key = Key {
    name: "test_last",
    form: Form::Integers,
    bound: Bound::Whole(1, u32::MAX as i128),
    absent: Absent::Means("none is cut off"),
    doc: "number of samples at the end that are the test set",
    ..Key::BLANK
};
const CHANNELS_LAST: Key = Key {
    name: "channels_last",
    form: Form::Boolean,
    absent: Absent::Is(Literal::Flag(false)),
    doc: "whether images are n×h×w×c",
    ..Key::BLANK
};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Arrays {
    /// Array or columns of the inputs; none where convention decides.
    pub inputs: Names,
    /// Array or columns of the classes.
    pub targets: Names,
    /// Array of the test set's inputs.
    pub test_inputs: Names,
    /// Array of the test set's classes.
    pub test_targets: Names,
    /// Share of the samples that is drawn as the test set.
    pub test_share: Option<f64>,
    /// Number of that draw.
    pub test_draw: usize,
    /// Number of samples at the end that are the test set.
    pub test_last: Option<usize>,
    /// Whether images have their channels last.
    pub channels_last: bool,
}

/// Names of arrays or columns, none of which need be given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(pub Vec<String>);

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [] => serializer.serialize_none(),
            [one] => serializer.serialize_str(one),
            several => several.serialize(serializer),
        }
    }
}

impl Arrays {
    /// Where convention decides everything.
    const CONVENTIONAL: Arrays = Arrays {
        inputs: Names(Vec::new()),
        targets: Names(Vec::new()),
        test_inputs: Names(Vec::new()),
        test_targets: Names(Vec::new()),
        test_share: None,
        test_draw: 0,
        test_last: None,
        channels_last: false,
    };

    /// What is asked of the file.
    fn wanted<'a>(&'a self, files: &Files<'a>) -> Result<Wanted<'a>, DataError> {
        let share = self.test_share.map(|share| Cut::Share { share, draw: self.test_draw as u64 });
        let path = files.named().ok_or_else(|| DataError::Request {
            name: files.name.to_owned(),
            what: "no file is named".to_owned(),
            advice: "Name it with path".to_owned(),
        })?;
        Ok(Wanted {
            path,
            inputs: &self.inputs.0,
            targets: &self.targets.0,
            test_inputs: &self.test_inputs.0,
            test_targets: &self.test_targets.0,
            cut: share.or(self.test_last.map(Cut::Last)),
            channels_last: self.channels_last,
        })
    }
}

impl Definition for Arrays {
    const NAME: &'static str = "arrays";
    const ABOUT: &'static str =
        "your own arrays: `.npz`, a directory of `.npy` files, HDF5, safetensors, or a table as `.csv` or `.tsv`";
    const KEYS: &'static [Key] =
        &[INPUTS, TARGETS, TEST_INPUTS, TEST_TARGETS, TEST_SHARE, TEST_DRAW, TEST_LAST, CHANNELS_LAST];
    const PATH: PathKey = PathKey::Required;
    const LARGEST_LABEL: usize = 65_535;

    fn new(values: &Values) -> Arrays {
        let names = |key: &str| Names(values.names(key));
        Arrays {
            inputs: names("inputs"),
            targets: names("targets"),
            test_inputs: names("test_inputs"),
            test_targets: names("test_targets"),
            test_share: values.real_if_given("test_share"),
            test_draw: values.whole("test_draw"),
            test_last: values.whole_if_given("test_last"),
            channels_last: values.flag("channels_last"),
        }
    }

    fn plain() -> Arrays {
        Arrays::CONVENTIONAL
    }

    fn conflict(values: &Values) -> Option<Conflict> {
        let given = |key: &str| values.is_given(key);
        let cut = given("test_share") || given("test_last");
        let advice = "the test set is arrays of its own, a drawn share, or the last samples";
        if cut && (given("test_inputs") || given("test_targets")) {
            let key = if given("test_inputs") { "test_inputs" } else { "test_targets" };
            return Some((key, "names a test set, and another one is cut off", advice));
        }
        if given("test_share") && given("test_last") {
            return Some(("test_last", "cuts a test set off, and so does `test_share`", advice));
        }
        if given("test_inputs") != given("test_targets") {
            let (key, other) = if given("test_inputs") {
                ("test_inputs", "names inputs of a test set whose classes are not named")
            } else {
                ("test_targets", "names classes of a test set whose inputs are not named")
            };
            return Some((key, other, "name both test_inputs and test_targets"));
        }
        (!given("test_share") && values.whole("test_draw") != 0).then_some((
            "test_draw",
            "numbers a draw, and nothing is drawn",
            "it goes with test_share",
        ))
    }

    fn by_content(&self) -> Arrays {
        Arrays::CONVENTIONAL
    }

    fn sizes(&self, files: &Files<'_>) -> Result<Sizes, DataError> {
        let Facts { features, image, labels, train, test } = arrays::sizes(&self.wanted(files)?)?;
        Ok(Sizes { features, labels, train, test, image })
    }

    fn decode(&self, files: &Files<'_>) -> Result<Decoded, DataError> {
        let wanted = self.wanted(files)?;
        let arrays::Arrays { train, test, features, image, labels, texts, digest } = arrays::read(&wanted)?;
        let half = |Part { inputs, labels }: Part| {
            let inputs = match inputs {
                // Left as they are where a sweep does not scale them, like all other numbers.
                Inputs::Bytes(bytes) => Matrix::bytes(bytes, features, 1, 1.0),
                Inputs::Floats(floats) => Matrix::floats(floats, features),
            };
            Half { inputs, labels }
        };
        let remarks = if texts.is_empty() { Vec::new() } else { vec![numbered(wanted.path, &texts)] };
        Ok(Decoded {
            remarks,
            image,
            texts,
            dir: Some(wanted.path.to_owned()),
            ..Decoded::new(half(train), half(test), labels, digest)
        })
    }
}

/// Which number each class has.
fn numbered(path: &Path, texts: &[String]) -> String {
    /// Classes that are named; `phasesweep data check` counts the samples of all.
    const NAMED: usize = 100;
    let named =
        texts.iter().take(NAMED).enumerate().map(|(number, text)| format!("{number} is {}", text.escape_debug()));
    let more = texts.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and so on, {more} more") } else { String::new() };
    let named = named.collect::<Vec<_>>().join(", ");
    format!("{}: its classes are numbered: {named}{more}", path.display())
}
