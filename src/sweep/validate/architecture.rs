//! `[[architecture]]`: the network with the numbers that it declares, activation, initial scale, and the layers observed,
//! which must exist.

use phasesweep_networks::{self as networks, Form, Key, Misfit, Ports, Registered, Value, Values, WIDEST};

use super::flow;
use super::judge::{Bound, Judge, Otherwise};
use crate::data;
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::place::{Located, Place};
use crate::sweep::raw::{RawArchitecture, RawTable};
use crate::sweep::raw_architecture::RawValue;
use crate::sweep::reader::{Field, List};
use crate::sweep::resolved::{Activation, Architecture, ArchitectureKind, Data};

/// The entries of one `[[architecture]]`; networks of images are held against those of `data`.
pub(crate) fn resolve(
    table: &RawTable<RawArchitecture>,
    data: &[Located<Data>],
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Architecture>> {
    let (raw, mut judge) = (&table.keys, Judge::of("[[architecture]]", table, diagnostics));
    let activations = Activation::ALL.map(|activation| (activation.name(), activation));
    let activations = judge.choices("activation", &raw.activation, &activations, Otherwise::Is(Activation::Tanh));
    let scales = judge.reals("init_scale", &raw.init_scale, Bound::Positive, Otherwise::Is(1.0));
    let kinds: Vec<(&str, &'static Registered)> = networks::ALL.iter().map(|network| (network.name, network)).collect();
    let network = judge.choice("kind", &raw.kind, &kinds, Otherwise::Required("\"mlp\""));
    let shapes = network.and_then(|network| shapes(&mut judge, raw, network));
    if let Some(shapes) = &shapes {
        images_fit(&mut judge, raw, shapes, data);
    }
    let observe = layers(&mut judge, raw, shapes.as_deref());
    let fields = flow::mean_fields(&mut judge, raw);
    let (activations, scales, shapes, observe, fields) = (activations?, scales?, shapes?, observe?, fields?);
    let combinations = judge.combinations([shapes.len(), activations.len(), scales.len(), fields.len()])?;
    let entry = |[k, a, s, m]: [usize; 4]| {
        let (kind, mean_field) = (shapes[k].clone(), fields[m]);
        let observe = observe.clone().unwrap_or_else(|| vec![kind.depth()]);
        Architecture { activation: activations[a].value, mean_field, init_scale: scales[s].value, observe, kind }
    };
    Some(combinations.map(entry).collect())
}

/// The networks of a kind whose keys have the values that are written: the product of its keys, the last fastest.
fn shapes(judge: &mut Judge<'_>, raw: &RawArchitecture, network: &'static Registered) -> Option<Vec<ArchitectureKind>> {
    keys_that_do_not_apply(judge, raw, network);
    let written = |key: &Key| raw.networks.iter().find(|(other, _)| other.name == key.name).map(|(_, value)| value);
    let lists: Vec<Option<Vec<Value>>> = network.keys.iter().map(|key| values(judge, key, written(key))).collect();
    let mut products: Vec<Vec<(&'static str, Value)>> = vec![Vec::new()];
    for (key, list) in network.keys.iter().zip(lists.into_iter().collect::<Option<Vec<_>>>()?) {
        let combinations = judge.combinations([products.len(), list.len()])?;
        let with =
            |[before, value]: [usize; 2]| [products[before].as_slice(), &[(key.name, list[value].clone())]].concat();
        products = combinations.map(with).collect();
    }
    Some(products.into_iter().map(|values| (network.of)(&Values::new(values))).collect())
}

/// The values of a key of the network.
fn values(judge: &mut Judge<'_>, key: &Key, written: Option<&RawValue>) -> Option<Vec<Value>> {
    match (key.form, written?) {
        (Form::Integer { least, most, odd, default }, RawValue::Integers(field)) => {
            let otherwise = default.map_or(Otherwise::Required(key.example), Otherwise::Is);
            let numbers = judge.wholes(key.name, field, least as i128..=most as i128, otherwise)?;
            for even in numbers.iter().filter(|number| odd && number.value % 2 == 0) {
                let error = judge.diagnostics.error(&even.place, format!("`{}` must be odd", key.name));
                error.label(format!("{} or {} would do", even.value - 1, even.value + 1));
            }
            Some(numbers.iter().map(|number| Value::Integer(number.value)).collect())
        }
        (Form::Widths { default: Some(widths) }, RawValue::Widths(Field::Absent)) => {
            Some(vec![Value::Widths(widths.to_vec())])
        }
        (Form::Widths { default }, RawValue::Widths(field)) => {
            let required = default.is_none().then_some(key.example);
            Some(widths(judge, key.name, field, required)?.into_iter().map(Value::Widths).collect())
        }
        // A test of the networks holds that keys of one name have one form.
        _ => None,
    }
}

/// Reports keys of other networks.
fn keys_that_do_not_apply(judge: &mut Judge<'_>, raw: &RawArchitecture, network: &Registered) {
    let has = |network: &Registered, key: &Key| network.keys.iter().any(|own| own.name == key.name);
    let others: Vec<(&str, Option<Place>, String)> = raw
        .networks
        .iter()
        .filter(|(key, _)| !has(network, key))
        .map(|(key, value)| {
            let kinds = networks::ALL.iter().filter(|other| has(other, key));
            let kinds: Vec<String> = kinds.map(|other| format!("kind = \"{}\"", other.name)).collect();
            (key.name, value.place().cloned(), kinds.join(" or "))
        })
        .collect();
    let others: Vec<(&str, Option<Place>, &str)> =
        others.iter().map(|(name, place, kinds)| (*name, place.clone(), kinds.as_str())).collect();
    judge.not_applicable(&format!("kind = \"{}\"", network.name), &others);
}

/// Lists of widths; `required` is an example where neither the key nor a width may be missing.
fn widths(
    judge: &mut Judge<'_>,
    key: &str,
    field: &Field<List<List<i128>>>,
    required: Option<&str>,
) -> Option<Vec<Vec<usize>>> {
    let lists = match field {
        Field::Broken => return None,
        Field::Absent => return judge.missing(key, required.unwrap_or("[20]")),
        Field::Given(lists) => lists,
    };
    let mut out = Vec::new();
    let mut sound = true;
    for list in &lists.value {
        if list.value.is_empty() && required.is_some() {
            let error = judge.diagnostics.error(&list.place, format!("`{key}` has no layer"));
            error.help(format!("write, say, {key} = {}", required.unwrap_or_default()));
            sound = false;
        }
        let read: Vec<_> = list.value.iter().map(|width| judge.whole_value(key, width, 1..=WIDEST as i128)).collect();
        sound &= read.iter().all(Option::is_some);
        out.push(read.into_iter().flatten().map(|width| width.value).collect::<Vec<usize>>());
    }
    let spelt = out.iter().zip(&lists.value).map(|(list, written)| (format!("{list:?}"), &written.place));
    judge.distinct(key, spelt);
    sound.then_some(out)
}

/// Layers to be observed; `Some(None)` is the default, the last hidden layer of each shape.
fn layers(
    judge: &mut Judge<'_>,
    raw: &RawArchitecture,
    shapes: Option<&[ArchitectureKind]>,
) -> Option<Option<Vec<usize>>> {
    let Field::Given(given) = &raw.observe else {
        return raw.observe.is_absent().then_some(None);
    };
    let shallowest = shapes.and_then(|shapes| shapes.iter().map(ArchitectureKind::depth).min());
    let mut layers = Vec::new();
    let mut sound = true;
    for layer in &given.value {
        let exists = layer.value >= 1 && shallowest.is_none_or(|depth| layer.value <= depth as i128);
        if exists {
            layers.push(layer.with(layer.value as usize));
            continue;
        }
        sound = false;
        let error = judge.diagnostics.error(&layer.place, format!("there is no hidden layer {}", layer.value));
        match shallowest {
            Some(1) => error.label("the network has one hidden layer, number 1"),
            Some(depth) => error.label(format!("hidden layers are numbered 1 to {depth}")),
            None => error.label("hidden layers are numbered from 1"),
        };
    }
    judge.distinct("observe", layers.iter().map(|layer| (layer.value, &layer.place)));
    let mut layers: Vec<usize> = layers.iter().map(|layer| layer.value).collect();
    layers.sort_unstable();
    sound.then_some(Some(layers))
}

/// Networks of images need images, large enough for their pooling; of sources whose images are not known without their
/// files, this is seen once the data are looked at.
fn images_fit(judge: &mut Judge<'_>, raw: &RawArchitecture, shapes: &[ArchitectureKind], data: &[Located<Data>]) {
    let Some(kind) = raw.kind.given().filter(|_| shapes.iter().any(ArchitectureKind::needs_images)) else { return };
    let known = data
        .iter()
        .filter_map(|entry| Some((data::name(&entry.value.source), data::known_image(&entry.value.source)?)));
    for (source, image) in known {
        let ports = Ports { inputs: image.map_or(1, |image: [usize; 3]| image.iter().product()), image, classes: 2 };
        let misfit = |shape: &ArchitectureKind| Some((shape.label(), shape.graph(ports, Activation::Tanh).err()?));
        let Some((label, misfit)) = shapes.iter().find_map(misfit) else { continue };
        match (misfit, image) {
            (Misfit::PooledAway, Some([_, height, width])) => {
                let error = judge
                    .diagnostics
                    .error(&kind.place, format!("the pooling of `{label}` leaves nothing of an image"));
                error.label(format!("{source} has images of {height}×{width}"));
                error.help("take fewer convolutions, or less pooling")
            }
            _ => {
                let error = judge.diagnostics.error(&kind.place, "convolutions need images");
                error.label(format!("{source} has points, not images"));
                error.help("give the points a sweep of their own, with kind = \"mlp\"")
            }
        };
        return;
    }
}
