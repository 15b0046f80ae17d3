//! Networks read back from the JSON that cells' identities and kept weights hold.
//!
//! Invariant: what [`ArchitectureKind`] writes is read as the same network, whatever its kind: the keys that it declares
//! say what is to be read. Files are foreign bytes, so that the number of elements is bounded before anything is built of
//! them.

use serde_json::{Map, Value as Json};

use super::operation::Number;
use super::{ALL, ArchitectureKind, Count, Element, Form, Key, Normalisation, PoolKind, Value, Values, WIDEST, Word};

/// Elements of a network that is read, repetitions written out.
const MOST_ELEMENTS: usize = 100_000;

/// Sides, strides and paddings of windows.
const WIDEST_WINDOW: usize = 100_000;

impl ArchitectureKind {
    /// The network of such JSON.
    ///
    /// # Errors
    /// A sentence: it is no JSON, or none of a network that this version knows.
    pub fn from_json(text: &str) -> Result<ArchitectureKind, String> {
        let json: Json = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        let object = json.as_object().ok_or_else(|| "it is no JSON object".to_owned())?;
        let kind = object.get("kind").and_then(Json::as_str).unwrap_or_default();
        let registered = ALL.iter().find(|registered| registered.name == kind);
        let registered = registered.ok_or_else(|| format!("this version knows no network of kind `{kind}`"))?;
        let keys = Keys(object);
        let values = registered.keys.iter().filter_map(|key| keys.value(key).transpose());
        Ok((registered.of)(&Values::new(values.collect::<Result<_, String>>()?)))
    }
}

/// Elements with repetitions written out.
fn written_out(elements: &[Element]) -> usize {
    let one = |element: &Element| match element {
        Element::Repeat { repeat, layers } => repeat.saturating_mul(written_out(layers)),
        Element::Residual { residual, shortcut } => {
            written_out(residual).saturating_add(written_out(shortcut)).saturating_add(1)
        }
        _ => 1,
    };
    elements.iter().map(one).fold(0, usize::saturating_add)
}

/// The keys of a JSON object.
struct Keys<'a>(&'a Map<String, Json>);

impl<'a> Keys<'a> {
    fn get(&self, name: &str) -> Result<&'a Json, String> {
        self.0.get(name).ok_or_else(|| format!("it has no `{name}`"))
    }

    /// The value of a network's key, `None` for one that no network has a value of.
    fn value(&self, key: &Key) -> Result<Option<(&'static str, Value)>, String> {
        let value = match key.form {
            Form::Integer { least, most, odd, .. } => {
                let number = self.number(key.name, least, most)?;
                if odd && number % 2 == 0 {
                    return Err(format!("its `{}` is even", key.name));
                }
                Value::Integer(number)
            }
            Form::Widths { .. } => {
                let widths = list(self.get(key.name)?, key.name)?;
                let widths = widths.iter().map(|width| number(width, key.name, 1, WIDEST));
                Value::Widths(widths.collect::<Result<_, _>>()?)
            }
            Form::Word { words, .. } => {
                let found = self.word(key.name)?;
                let word = words.iter().find(|word| **word == found);
                Value::Word(word.ok_or_else(|| format!("this version knows no `{}` of `{found}`", key.name))?)
            }
            Form::Layers => {
                let layers = self.elements(key.name)?;
                if written_out(&layers) > MOST_ELEMENTS {
                    return Err(format!("it has more than {MOST_ELEMENTS} elements"));
                }
                Value::Layers(layers)
            }
            Form::NamedNumbers => return Ok(None),
        };
        Ok(Some((key.name, value)))
    }

    fn number(&self, name: &str, least: usize, most: usize) -> Result<usize, String> {
        number(self.get(name)?, name, least, most)
    }

    fn elements(&self, name: &str) -> Result<Vec<Element>, String> {
        list(self.get(name)?, name)?.iter().map(element).collect()
    }

    fn count(&self, name: &str) -> Result<Count, String> {
        match self.get(name)? {
            Json::String(word) if word == "classes" => Ok(Count::Classes),
            value => number(value, name, 1, WIDEST).map(Count::Of),
        }
    }

    fn word(&self, name: &str) -> Result<&'a str, String> {
        self.get(name)?.as_str().ok_or_else(|| format!("its `{name}` is no word"))
    }

    /// Whether there is a bias, which is written only where there is none.
    fn bias(&self) -> Result<bool, String> {
        self.0.get("bias").map_or(Ok(true), |bias| bias.as_bool().ok_or_else(|| "its `bias` is no truth".to_owned()))
    }

    fn pool(&self, name: &str) -> Result<PoolKind, String> {
        match self.word(name)? {
            "max" => Ok(PoolKind::Max),
            "mean" => Ok(PoolKind::Mean),
            other => Err(format!("this version knows no pooling `{other}`")),
        }
    }
}

fn list<'a>(value: &'a Json, name: &str) -> Result<&'a [Json], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| format!("its `{name}` is no list"))
}

fn number(value: &Json, name: &str, least: usize, most: usize) -> Result<usize, String> {
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("its `{name}` is no integer from {least} to {most}"))
}

fn element(value: &Json) -> Result<Element, String> {
    if let Some(name) = value.as_str() {
        let word = Word::all().find(|word| word.name() == name);
        return word.map(Element::Word).ok_or_else(|| format!("this version knows no element `{name}`"));
    }
    let object = value.as_object().ok_or_else(|| format!("{value} is no element"))?;
    let keys = Keys(object);
    let has = |name: &str| object.contains_key(name);
    let window = |name: &str, least: usize| keys.number(name, least, WIDEST_WINDOW);
    Ok(if has("dense") {
        Element::Dense { dense: keys.count("dense")?, bias: keys.bias()? }
    } else if has("conv") {
        Element::Convolution {
            conv: keys.count("conv")?,
            kernel: window("kernel", 1)?,
            stride: window("stride", 1)?,
            padding: window("padding", 0)?,
            groups: keys.number("groups", 1, WIDEST)?,
            bias: keys.bias()?,
        }
    } else if has("depthwise") {
        Element::Depthwise {
            depthwise: window("depthwise", 1)?,
            stride: window("stride", 1)?,
            padding: window("padding", 0)?,
            bias: keys.bias()?,
        }
    } else if has("pool") {
        Element::Pool { pool: keys.pool("pool")?, side: window("side", 1)?, stride: window("stride", 1)? }
    } else if has("pool_all") {
        Element::PoolAll { pool_all: keys.pool("pool_all")? }
    } else if has("normalise") {
        let (word, all) = (keys.word("normalise")?, [Normalisation::Batch, Normalisation::Layer]);
        let normalise = all.into_iter().find(|own| own.name() == word);
        Element::Normalise {
            normalise: normalise.ok_or_else(|| format!("this version knows no normalisation `{word}`"))?,
        }
    } else if has("scale") {
        let factor = keys.get("scale")?.as_f64().filter(|factor| factor.is_finite());
        Element::Scale { scale: Number(factor.ok_or_else(|| "its `scale` is no number".to_owned())?) }
    } else if has("residual") {
        let shortcut = if has("shortcut") { keys.elements("shortcut")? } else { Vec::new() };
        Element::Residual { residual: keys.elements("residual")?, shortcut }
    } else if has("repeat") {
        Element::Repeat { repeat: keys.number("repeat", 1, MOST_ELEMENTS)?, layers: keys.elements("layers")? }
    } else {
        return Err(format!("this version knows no element {value}"));
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Layers};

    #[test]
    fn elements_are_read_as_they_are_written() {
        let count = Count::Of(4);
        let layers = vec![
            Element::Convolution { conv: count, kernel: 3, stride: 2, padding: 0, groups: 2, bias: false },
            Element::Normalise { normalise: Normalisation::Batch },
            Element::Normalise { normalise: Normalisation::Layer },
            Element::Depthwise { depthwise: 3, stride: 1, padding: 1, bias: true },
            Element::Pool { pool: PoolKind::Max, side: 3, stride: 2 },
            Element::Residual { residual: vec![Element::Word(Word::Activation)], shortcut: vec![] },
            Element::Residual {
                residual: vec![Element::Dense { dense: count, bias: false }],
                shortcut: vec![Element::Scale { scale: Number(0.1) }, Element::Scale { scale: Number(2.0) }],
            },
            Element::Repeat { repeat: 3, layers: vec![Element::Word(Word::Apply(Activation::LeakyRelu))] },
            Element::PoolAll { pool_all: PoolKind::Mean },
            Element::Word(Word::Flatten),
            Element::Dense { dense: Count::Classes, bias: true },
        ];
        let kind = ArchitectureKind::Layers(Layers { layers });
        let json = serde_json::to_string(&kind).unwrap();
        assert_eq!(ArchitectureKind::from_json(&json), Ok(kind), "{json}");
    }

    #[test]
    fn other_json_is_refused_before_anything_is_built() {
        let deep = r#"{"kind":"layers","layers":[{"repeat":100000,"layers":[{"repeat":2,"layers":["relu"]}]}]}"#;
        for (json, word) in [
            ("{", "no JSON"),
            ("[]", "no JSON object"),
            (r#"{"kind":"transformer"}"#, "transformer"),
            (r#"{"kind":"mlp"}"#, "no `hidden`"),
            (r#"{"kind":"mlp","hidden":[0]}"#, "no integer from 1"),
            (r#"{"kind":"layers","layers":[{"attention":3}]}"#, "attention"),
            (r#"{"kind":"layers","layers":["sofmax"]}"#, "sofmax"),
            (deep, "more than 100000 elements"),
        ] {
            let told = ArchitectureKind::from_json(json).unwrap_err();
            assert!(told.contains(word), "{told}");
        }
    }
}
