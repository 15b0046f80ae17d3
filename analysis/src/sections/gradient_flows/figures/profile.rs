//! The output F along the informative axis at the stages.

use super::families::{MOST_FAMILIES, more};
use crate::error::Result;
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::results::Results;
use crate::sections::gradient_flows::flows::Flows;
use crate::sections::gradient_flows::neurons::{axis, shown, subject};
use crate::sections::gradient_flows::profile::Profile;
use crate::sections::gradient_flows::sentences::percent;

/// A panel for each curve that stands for a regime.
pub(super) fn figure(results: &Results, flows: &Flows) -> Result<Option<Figure>> {
    let (mut panels, mut subjects) = (Vec::new(), Vec::new());
    for family in flows.families.iter().take(MOST_FAMILIES) {
        for curve in shown(flows, family) {
            let Some((p, flow)) = subject(flows, curve) else { continue };
            let (mut marks, mut on_top, mut all) = (Vec::new(), Vec::new(), Vec::new());
            for stage in 1..flows.axes.stages.len() {
                let Some(profile) = Profile::read(results, flow, stage)? else { continue };
                let colour = stage - 1;
                let each = profile.positions.iter().zip(&profile.mean).zip(&profile.deviation);
                let band: Vec<(f64, f64, f64)> = each.map(|((x, mean), sd)| (*x, mean - sd, mean + sd)).collect();
                all.extend(band.clone());
                marks.push(Mark::Band { points: band, colour });
                let points = profile.positions.iter().copied().zip(profile.mean.iter().copied()).collect();
                on_top.push(Mark::Curve { points, class: "line", colour });
            }
            if all.is_empty() {
                continue;
            }
            subjects.push(format!("{}, {}, p = {p}", family.name, curve.name));
            marks.push(Mark::Level(0.0));
            marks.extend(axis(family).interfaces.into_iter().map(Mark::Upright));
            marks.extend(on_top);
            panels.push(Panel {
                title: format!("{}, {}", family.name, curve.name),
                x_label: "position on the informative axis".into(),
                y_label: "output F".into(),
                x: Scale::around(all.iter().map(|point| point.0), Kind::Linear),
                y: Scale::around(all.iter().flat_map(|point| [point.1, point.2]), Kind::Linear),
                x_ticks: Ticks::Round,
                y_ticks: Ticks::Round,
                marks,
            });
        }
    }
    let words = |(place, share): (usize, &f64)| {
        let last = place + 1 == flows.axes.stages.len();
        (if last { "end".to_owned() } else { format!("{}% fit", percent(*share)) }, place - 1)
    };
    let legend: Legend = flows.axes.stages.iter().enumerate().skip(1).map(words).collect();
    let caption = format!(
        "The output F = α(f − f₀) along the informative axis at the stages: mean and, as a band, standard deviation over the \
         uninformative coordinates of test points. Upright: where the label changes. Shown are the first flows at the greatest p: \
         {}.{}",
        subjects.join("; "),
        more(flows)
    );
    let layout = Layout::even(2, 430.0, 240.0, 56.0);
    let name = "flow_profile".into();
    Ok((!panels.is_empty()).then(|| Figure { name, caption, svg: draw(&panels, layout, &legend) }))
}
