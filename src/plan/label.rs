//! What cells are called in tables and figures: one short label per axis.
//!
//! Labels are for people and never part of an identity; nothing may be grouped by them. A label says what its entry is
//! (source, shape, rule), what is unusual about it, and every key in which the entries of its axis differ, whatever its
//! value: of two scalings, one is `digits normalise=standardise` and the other `digits normalise=none`. Keys are taken
//! from the entries' JSON (`super::keys`), so that one that no function here knows is named all the same, as
//! `key=value`. What all cells of a sweep share (`[train]`, `[observe]`) is in no label.
//!
//! Invariant: two entries of an axis never share a label. So two variants of a sweep never share all of theirs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use phasesweep_optimisers::{Decay, Recipe, Slot, Unit, Warmup};

use super::keys::{Keys, file_name, keys_of, plain, shown};
use crate::data::sources::PathKey;
use crate::key::{Absent, Key, Label, Literal};
use crate::sweep::{
    Architecture, Data, InversionOf, Labels, Normalise, Optimiser, Precision, Prune, PruneSize, Selection, Subsample,
    Watched,
};

/// Labels of a variant, one per axis, in the order of [`super::Plan::AXES`].
pub type AxisLabels = [String; 5];

/// The labels of all entries of all axes, in the order of [`super::Plan::AXES`].
#[derive(Debug, Clone, Default)]
pub(super) struct Labelling([Vec<String>; 5]);

impl Labelling {
    pub(super) fn of(sweep: &crate::sweep::Sweep, prunes: &[Prune]) -> Labelling {
        let paths = tails(&sweep.data);
        let data: Vec<_> =
            sweep.data.iter().zip(&paths).map(|(data, path)| data_words(data, path.as_deref())).collect();
        Labelling([
            labels("data", data),
            labels("subsample", sweep.subsamples.iter().map(subsample_words).collect()),
            labels("architecture", sweep.architectures.iter().map(architecture_words).collect()),
            labels("optimiser", sweep.optimisers.iter().map(optimiser_words).collect()),
            labels("prune", prunes.iter().map(prune_words).collect()),
        ])
    }

    /// Labels of an axis's entries.
    pub(super) fn of_axis(&self, axis: usize) -> &[String] {
        &self.0[axis]
    }
}

/// When a word of a label is written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Written {
    Always,
    /// Where the value is not the usual one of its kind, or the axis's entries differ in it.
    IfUnusual,
    /// Where the axis's entries differ in it.
    IfTelling,
}

/// A word of a label.
struct Word {
    /// What is compared between entries.
    key: String,
    text: String,
    /// Whether the value is what a sweep file need not say, given the kind.
    usual: bool,
    written: Written,
}

/// The words of an entry's label.
struct Words {
    /// The entry's keys.
    keys: Keys,
    /// Those that no word speaks of yet.
    left: Keys,
    /// What of the entry decides which keys it has.
    kind: String,
    words: Vec<Word>,
}

impl Words {
    fn of<T: serde::Serialize>(entry: &T, kind: &str) -> Words {
        let keys = keys_of(entry);
        let kind = keys.get(kind).map(shown).unwrap_or_default();
        Words { left: keys.clone(), keys, kind, words: Vec::new() }
    }

    /// Adds a key that is not in the entry's JSON.
    fn with(mut self, key: &str, value: Option<&str>) -> Words {
        if let Some(value) = value {
            self.keys.insert(key.to_owned(), value.into());
            self.left.insert(key.to_owned(), value.into());
        }
        self
    }

    /// A word that is always there and from which the values of these keys can be told.
    fn say(&mut self, text: String, keys: &[&str]) {
        self.push(Word { key: keys.join(" "), text, usual: false, written: Written::Always }, keys);
    }

    /// A word about the value of a key that goes without saying if it is the usual one.
    fn unusual(&mut self, key: &str, text: String, usual: bool) {
        self.push(Word { key: key.to_owned(), text, usual, written: Written::IfUnusual }, &[key]);
    }

    /// `name=value`, where entries differ in it.
    fn telling(&mut self, key: &str, text: String, usual: bool) {
        self.push(Word { key: key.to_owned(), text, usual, written: Written::IfTelling }, &[key]);
    }

    /// Keys whose values follow from the words that were said.
    fn implied(&mut self, keys: &[&str]) {
        keys.iter().for_each(|key| _ = self.left.remove(*key));
    }

    fn push(&mut self, word: Word, keys: &[&str]) {
        self.implied(keys);
        self.words.push(word);
    }
}

/// Labels of an axis's entries from their words: distinct ones, if the entries are.
fn labels(table: &str, mut entries: Vec<Words>) -> Vec<String> {
    speak_of_the_rest(table, &mut entries);
    // A key tells entries apart if they differ in it, and not only because each has what is usual for its kind.
    let mut texts: HashMap<&str, HashSet<&str>> = HashMap::new();
    for word in entries.iter().flat_map(|entry| &entry.words) {
        texts.entry(&word.key).or_default().insert(&word.text);
    }
    let unusual: HashSet<&str> = entries
        .iter()
        .flat_map(|entry| &entry.words)
        .filter(|word| !word.usual)
        .map(|word| word.key.as_str())
        .collect();
    let telling = |word: &Word| texts[word.key.as_str()].len() > 1 && unusual.contains(word.key.as_str());
    let label = |entry: &Words| {
        let written = entry.words.iter().filter(|word| match word.written {
            Written::Always => true,
            Written::IfUnusual => !word.usual || telling(word),
            Written::IfTelling => telling(word),
        });
        written.map(|word| word.text.as_str()).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
    };
    told_apart(entries.iter().map(label).collect(), &entries.iter().map(|entry| &entry.keys).collect::<Vec<_>>())
}

/// Adds a word for every key that no word speaks of, to be written where entries differ in it. One that an entry lacks
/// where another of its kind has it is a difference; that other kinds lack it is not.
fn speak_of_the_rest(table: &str, entries: &mut [Words]) {
    let keys: BTreeSet<String> = entries.iter().flat_map(|entry| entry.left.keys().cloned()).collect();
    for key in keys {
        let with: HashSet<String> =
            entries.iter().filter(|entry| entry.left.contains_key(&key)).map(|entry| entry.kind.clone()).collect();
        for entry in entries.iter_mut() {
            let value = entry.left.remove(&key);
            if value.is_some() || with.contains(&entry.kind) {
                let text = value.map(|value| format!("{}={}", file_name(table, &key), shown(&value)));
                let text = text.unwrap_or_default();
                entry.words.push(Word { key: key.clone(), text, usual: false, written: Written::IfTelling });
            }
        }
    }
}

/// The last resort for labels that are the same although the entries are not, which the words above should never leave
/// (a directory whose name reads like a word of ours can): every key in which the axis's entries differ is added, and a
/// number where even that is not enough.
fn told_apart(mut labels: Vec<String>, keys: &[&Keys]) -> Vec<String> {
    let repeated = |labels: &[String]| -> Vec<bool> {
        let mut count: HashMap<&str, usize> = HashMap::new();
        labels.iter().for_each(|label| *count.entry(label).or_default() += 1);
        labels.iter().map(|label| count[label.as_str()] > 1).collect()
    };
    let again = repeated(&labels);
    if again.contains(&true) {
        let mut values: BTreeMap<&str, HashSet<Option<String>>> = BTreeMap::new();
        let names: BTreeSet<&str> = keys.iter().flat_map(|keys| keys.keys().map(String::as_str)).collect();
        for name in names {
            values.insert(name, keys.iter().map(|keys| keys.get(name).map(ToString::to_string)).collect());
        }
        for (label, keys) in labels.iter_mut().zip(keys).zip(&again).filter(|(_, again)| **again).map(|(pair, _)| pair)
        {
            for (name, value) in keys.iter().filter(|(name, _)| values[name.as_str()].len() > 1) {
                label.push_str(&format!(" {name}={value}"));
            }
        }
    }
    if repeated(&labels).contains(&true) {
        labels.iter_mut().enumerate().for_each(|(place, label)| label.push_str(&format!(" (#{})", place + 1)));
    }
    labels
}

/// Of each entry's directory as much of the end as tells it from the others.
fn tails(all: &[Data]) -> Vec<Option<String>> {
    let paths: HashSet<&Path> = all.iter().filter_map(|data| data.path.as_deref()).collect();
    let tail = |path: &Path, parts: usize| {
        let all: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        // Of "/" and "data", "/data" is made.
        all[all.len().saturating_sub(parts)..].join("/").replacen("//", "/", 1)
    };
    let longest = paths.iter().map(|path| path.components().count()).max().unwrap_or(0);
    let enough = (1..=longest).find(|&parts| {
        let short: HashSet<String> = paths.iter().map(|path| tail(path, parts)).collect();
        short.len() == paths.len()
    });
    let quoted = |text: String| if text.contains(char::is_whitespace) { format!("{text:?}") } else { text };
    all.iter().map(|data| data.path.as_deref().map(|path| quoted(tail(path, enough.unwrap_or(longest))))).collect()
}

fn data_words(data: &Data, path: Option<&str>) -> Words {
    let mut words = Words::of(data, "source.kind").with("path", path);
    let name = data.source.name();
    match data.source.path() {
        // A source that is whatever its directory holds is named by it.
        PathKey::Required => words.say(format!("{name} {}", path.unwrap_or_default()), &["source.kind", "path"]),
        PathKey::Optional | PathKey::None => words.say(name.to_owned(), &["source.kind"]),
    }
    let keys = source_keys(data, &words.keys);
    for key in keys.iter().filter(|key| matches!(key.label, Label::Always(_) | Label::Word)) {
        key.speak(&mut words);
    }
    match &data.selection {
        Selection::All => {}
        Selection::Only(_) => words.unusual("only", data.selection.written().replace(" = ", "="), false),
        Selection::Groups(_) => words.unusual("groups", data.selection.written().replace(" = ", "="), false),
    }
    let text = match data.labels {
        Labels::Parity => "parity".to_owned(),
        Labels::Halves => "halves".to_owned(),
        Labels::Classes => "classes".to_owned(),
        Labels::OneVsRest { label } => format!("{label}-vs-rest"),
        Labels::Random => "random labels".to_owned(),
    };
    words.unusual("labels.kind", text, data.labels == Labels::Classes);
    words.implied(&["labels.label"]);
    if data.labels == Labels::Random {
        words.say(data.label_draw.to_string(), &["label_draw"]);
    }
    words.unusual("label_noise", format!("noise={}", plain(data.label_noise)), data.label_noise == 0.0);
    if data.label_noise > 0.0 && data.labels != Labels::Random {
        words.unusual("label_draw", format!("label_draw={}", data.label_draw), data.label_draw == 0);
    }
    // Labels of which nothing is drawn have no draw.
    words.implied(&["label_draw"]);
    let points = data.source.is_points();
    let (name, usual) = match data.normalise {
        Normalise::Standardise => ("standardise", !points),
        Normalise::Sphere => ("sphere", false),
        Normalise::None => ("none", points),
    };
    words.unusual("normalise", format!("normalise={name}"), usual);
    for key in keys.iter().filter(|key| !matches!(key.label, Label::Always(_) | Label::Word)) {
        key.speak(&mut words);
    }
    words
}

/// A key of a source with its value.
struct SourceKey {
    path: String,
    name: &'static str,
    label: Label,
    text: String,
    usual: bool,
}

/// The keys of a source that its entry has.
fn source_keys(data: &Data, entry: &Keys) -> Vec<SourceKey> {
    let of = |key: &Key| {
        let path = format!("source.{}", key.name);
        let text = shown(entry.get(&path)?);
        let usual = match key.absent {
            Absent::Is(Literal::Word(word)) => text == word,
            Absent::Is(literal) => text == literal.to_string(),
            Absent::Required(_) | Absent::Means(_) => false,
        };
        Some(SourceKey { path, name: key.name, label: key.label, text, usual })
    };
    data.source.keys().iter().filter_map(of).collect()
}

impl SourceKey {
    fn speak(&self, words: &mut Words) {
        let SourceKey { path, name, label, text, usual } = self;
        match label {
            Label::Always(symbol) => words.say(format!("{symbol}={text}"), &[path]),
            Label::Word => words.unusual(path, text.clone(), *usual),
            Label::IfUnusual => words.unusual(path, format!("{name}={text}"), *usual),
            Label::IfTelling => words.telling(path, format!("{name}={text}"), *usual),
            Label::Never => words.implied(&[path]),
        }
    }
}

fn subsample_words(subsample: &Subsample) -> Words {
    let mut words = Words::of(subsample, "kind");
    let text = match subsample {
        Subsample::Block { size, block } => format!("{size} block {block}"),
        Subsample::Draw { size, draw } => format!("{size} draw {draw}"),
        Subsample::WithReplacement { size, draw } => format!("{size} draw {draw} with replacement"),
        Subsample::Balanced { size, draw } => format!("{size} balanced draw {draw}"),
    };
    words.say(text, &["kind", "size", "block", "draw"]);
    words
}

fn architecture_words(architecture: &Architecture) -> Words {
    let mut words = Words::of(architecture, "kind.kind");
    let numbers = phasesweep_networks::KEYS.iter().map(|key| format!("kind.{}", key.name));
    let keys: Vec<String> = std::iter::once("kind.kind".to_owned()).chain(numbers).collect();
    words.say(architecture.kind.label(), &keys.iter().map(String::as_str).collect::<Vec<_>>());
    if architecture.kind.uses_activation() {
        words.say(architecture.activation.name().to_owned(), &["activation"]);
    }
    words.implied(&["activation"]);
    let parametrisation = if architecture.mean_field.is_some() { "mean-field" } else { "standard" };
    words.unusual("parametrisation", parametrisation.to_owned(), architecture.mean_field.is_none());
    if let Some(field) = &architecture.mean_field {
        let text = format!("bias_variance={}", plain(field.bias_variance));
        words.unusual("mean_field.bias_variance", text, field.bias_variance == 1.0);
    }
    words.unusual("init_scale", format!("×{}", plain(architecture.init_scale)), architecture.init_scale == 1.0);
    let last = architecture.observe == [architecture.kind.depth()];
    let layers = architecture.observe.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    words.telling("observe", format!("observe=[{layers}]"), last);
    words
}

fn optimiser_words(optimiser: &Optimiser) -> Words {
    let mut words = Words::of(optimiser, "kind");
    words.say(optimiser.kind.name().to_owned(), &["kind"]);
    if let Some(rule) = optimiser.kind.rule() {
        words.say(format!("lr={}", plain(optimiser.lr)), &["lr"]);
        for key in rule.keys().iter().filter(|key| key.slot != Slot::Lr) {
            let value = optimiser.rates().get(key.slot);
            let name = if key.slot == Slot::WeightDecay { "wd" } else { key.name };
            // The same place under another name is another number: RMSprop's α is not Adam's β₂.
            let place = key.slot.name();
            let compared = if key.name == place { place.to_owned() } else { format!("{place} of {}", rule.name()) };
            words.unusual(&compared, format!("{name}={}", plain(value)), Some(value) == key.default);
        }
        // What a rule does not have is the same number in all that have not got it.
        words.implied(&Slot::ALL.map(Slot::name));
        recipe_words(&optimiser.recipe, &mut words);
        return words;
    }
    let Some(flow) = &optimiser.flow else { return words };
    words.say(format!("alpha={}", plain(flow.alpha)), &["flow.alpha"]);
    words.unusual("flow.fitted", format!("until {}", plain(flow.fitted)), flow.fitted == 1.0);
    let precision = if flow.precision == Precision::F32 { "f32" } else { "f64" };
    words.unusual("flow.precision", precision.to_owned(), flow.precision == Precision::F64);
    let watched = if flow.watched == Watched::Pulling { "watched=pulling" } else { "watched=all" };
    words.unusual("flow.watched", watched.to_owned(), flow.watched == Watched::All);
    let time = flow.time.map_or("none".to_owned(), plain);
    words.telling("flow.time", format!("time={time}"), flow.time.is_none());
    for (name, value, usual) in [
        ("gradient_change", flow.gradient_change, 1e-4),
        ("output_change", flow.output_change, 0.1),
        ("kink_change", flow.kink_change, 0.01),
        ("margin", flow.margin, 1.0),
    ] {
        words.telling(&format!("flow.{name}"), format!("{name}={}", plain(value)), value == usual);
    }
    words.implied(&["lr", "momentum", "beta1", "beta2", "epsilon", "weight_decay"]);
    words
}

/// What is done around a rule's step. The analysis takes an optimiser whose label has any word of these but "constant" for
/// another than the plain rule (`analysis/src/plain_rule.rs`): what is not plain is never left out.
fn recipe_words(recipe: &Recipe, words: &mut Words) {
    let Recipe { schedule, clip_norm, sam_radius } = recipe;
    let name = schedule.decay.name();
    words.unusual("recipe.schedule", name.to_owned(), schedule.decay == Decay::Constant);
    let factor = |words: &mut Words, factor: f64, usual: bool| {
        words.unusual("recipe.decay_factor", format!("decay={}", plain(factor)), usual);
    };
    match &schedule.decay {
        Decay::Constant => {}
        Decay::Every { every, factor: by } => {
            words.unusual("recipe.decay_every", format!("every={every}"), false);
            factor(words, *by, *by == 0.1);
        }
        Decay::At { places, factor: by } => {
            let places = places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            words.unusual("recipe.decay_at", format!("at=[{places}]"), false);
            factor(words, *by, *by == 0.1);
        }
        Decay::Cosine { end } | Decay::Linear { end } => {
            words.unusual("recipe.final_share", format!("final={}", plain(*end)), *end == 0.0);
        }
        Decay::Exponential { factor: by } => factor(words, *by, false),
    }
    if let Some(Warmup { length, start }) = schedule.warmup {
        words.unusual("recipe.warmup", format!("warmup={length}"), false);
        words.unusual("recipe.warmup_start", format!("from={}", plain(start)), start == Warmup::START);
    }
    if !schedule.is_constant() {
        let unit = schedule.unit;
        words.unusual("recipe.schedule_by", format!("by={}", unit.name()), unit == Unit::Epoch);
    }
    if let Some(limit) = clip_norm {
        words.unusual("recipe.clip_norm", format!("clip={}", plain(*limit)), false);
    }
    if let Some(radius) = sam_radius {
        words.unusual("recipe.sam_radius", format!("sam={}", plain(*radius)), false);
    }
}

/// The analysis takes these labels apart (`analysis/src/stragglers/pruning.rs`): their wording is a contract.
fn prune_words(prune: &Prune) -> Words {
    let mut words = Words::of(prune, "kind");
    let inversion = |at: &InversionOf| match at {
        InversionOf::Distance => "distance",
        InversionOf::Radius0 => "radius_0",
        InversionOf::Radius1 => "radius_1",
    };
    let text = match prune {
        Prune::None => "none".to_string(),
        Prune::Stragglers { at } => format!("stragglers at {}", inversion(at)),
        Prune::Misclassified { epoch } => format!("misclassified at {epoch}"),
        Prune::Random { like: PruneSize::Stragglers { at } } => format!("random like stragglers at {}", inversion(at)),
        Prune::Random { like: PruneSize::Misclassified { epoch } } => format!("random like misclassified at {epoch}"),
    };
    words.say(text, &["kind", "at", "epoch", "like.kind", "like.at", "like.epoch"]);
    words
}
