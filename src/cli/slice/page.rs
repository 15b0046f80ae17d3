//! The series as one page: frames side by side, curves, and the numbers.

use super::super::plot::{self, Curve, Panel};
use phasesweep::linear_regions::picture::escaped;
use phasesweep::linear_regions::{Frame, Frames};

const STYLE: &str = "body{font-family:sans-serif;max-width:1280px;margin:2em auto;padding:0 1em;color:#222}\
    .frames{display:flex;flex-wrap:wrap;gap:12px}.frames img{width:400px}\
    table{border-collapse:collapse;font-size:13px}td,th{padding:3px 10px;text-align:right;border-bottom:1px solid #ddd}\
    td:first-child,th:first-child{text-align:left}svg{max-width:1000px}";

/// The page.
pub(super) fn page(series: &Frames) -> String {
    let name = series
        .cell
        .as_ref()
        .map_or_else(|| "Linear regions".to_owned(), |cell| format!("Linear regions of cell {cell}"));
    let through = match series.samples.as_slice() {
        [i, j, k] => format!("the training samples {i}, {j} and {k}"),
        _ => "the points given".to_owned(),
    };
    let frames: String = series
        .frames
        .iter()
        .map(|frame| format!("<img src=\"{}\" alt=\"{}\">\n", escaped(&frame.file), escaped(&frame.title)))
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title><style>{STYLE}</style>\n<h1>{0}</h1>\n\
         <p>The network on the plane through {through}, a square of side {1:.3} in units of the inputs. On each polygon the \
         network is affine; a polygon keeps its colour as long as its neurons \
         keep their signs and its poolings their winners. Red: the decision boundary. \
         Circles: the points, with their classes where they are samples.</p>\n<div class=\"frames\">\n{frames}</div>\n{2}\n{3}\n</html>\n",
        escaped(&name),
        2.0 * series.half,
        curves(series),
        table(series),
    )
}

/// Regions, and how far their borders have gathered at the decision boundary, against log₁₀ of the step.
fn curves(series: &Frames) -> String {
    let panel = |name: &str, of: &dyn Fn(&Frame) -> Option<f64>| {
        let at = |frame: &Frame| frame.step.or(frame.epoch.map(|epoch| epoch as f64)).filter(|step| *step >= 1.0);
        let points = series.frames.iter().filter_map(|frame| Some((at(frame)?.log10(), of(frame)?))).collect();
        Panel { x: "log₁₀ step".to_owned(), curves: vec![Curve { name: name.to_owned(), points }] }
    };
    let panels = [
        panel("thousands of linear regions", &|frame| Some(frame.summary.regions as f64 / 1000.0)),
        panel("median distance of borders to the decision boundary ÷ that of even points", &Frame::gathering),
    ];
    if panels.iter().all(|panel| panel.curves[0].points.len() < 2) {
        return String::new();
    }
    plot::svg("Along training (step 0 is not on the axis)", &panels)
}

fn table(series: &Frames) -> String {
    let number = |value: f64| if value.is_finite() { format!("{value:.3}") } else { "–".to_owned() };
    let maybe = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), number);
    let rows: String = series
        .frames
        .iter()
        .map(|frame| {
            let summary = &frame.summary;
            let mut grown: Vec<String> = summary.growth.iter().map(usize::to_string).collect();
            if summary.growth.last() != Some(&summary.regions) {
                grown.push(summary.regions.to_string());
            }
            format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.2e}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                escaped(&frame.title),
                maybe(frame.train_error),
                maybe(frame.test_error),
                grown.join(" → "),
                summary.areas[2],
                number(summary.boundary),
                number(summary.nearness.borders[2]),
                number(summary.nearness.even[2]),
                maybe(frame.gathering()),
            )
        })
        .collect();
    format!(
        "<table>\n<tr><th></th><th>training error</th><th>test error</th><th>regions, layer by layer</th>\
         <th>area around a point</th><th>length of boundary</th><th>border to boundary</th><th>point to boundary</th>\
         <th>ratio</th></tr>\n{rows}</table>\n\
         <p>Medians: of the area of the region that an evenly drawn point lies in; of the distance from the regions' borders \
         (weighted by length) and from evenly spread points to the decision boundary. A ratio below 1 says that borders have \
         gathered at the boundary. <code>slice.csv</code> and <code>slice.json</code> hold more quantiles.</p>"
    )
}
