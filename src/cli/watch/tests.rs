//! Pictures of views on a screen of known size, and what keys do to a view.

use phasesweep::dispatch::Activity;
use phasesweep::run_directory::{Jobs, RankReport, RunReport, Status};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};

use super::draw::draw;
use super::view::{Curves, Effect, Key, View};

fn rank(rank: u32, activity: Activity) -> RankReport {
    let host = Some("node1".to_owned());
    RankReport {
        rank,
        host,
        activity,
        cells: 64,
        epoch: 300 + u64::from(rank),
        done_fraction: 0.5,
        seconds: 9.0,
        silent: 1.0,
    }
}

fn status(alive: Option<bool>) -> Status {
    let run = RunReport {
        observes: false,
        alive,
        holder: Some("process 7 on node1".to_owned()),
        silent: 3.0,
        elapsed: 60.0,
        ranks: 3,
        rate: 2.5,
        left: if alive == Some(false) { None } else { Some((40.0, 80.0)) },
        of_rank: vec![rank(0, Activity::Training), rank(1, Activity::Idle), rank(2, Activity::Lost)],
    };
    Status {
        name: "quick".to_owned(),
        description: None,
        cells: 256,
        complete: 60,
        diverged: 4,
        failed: Vec::new(),
        running: 64,
        waiting: 128,
        others: 0,
        refused: Vec::new(),
        additions: Vec::new(),
        run: Some(run),
        jobs: Jobs::None,
        jobs_live: false,
    }
}

fn view(alive: Option<bool>) -> View {
    let mut view = View::default();
    view.take(Ok(status(alive)));
    let falling = (0..50).map(|epoch| (f64::from(epoch), 0.5 / f64::from(epoch + 1))).collect();
    view.curves = Curves {
        source: "at a checkpoint, 12 s old".to_owned(),
        along: "epoch".to_owned(),
        variables: vec![("train_error".to_owned(), vec![falling]), ("test_error".to_owned(), vec![vec![(0.0, 1.0)]])],
    };
    view
}

/// The lines of a screen of that size.
fn lines(view: &View, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen");
    terminal.draw(|frame| draw(frame, view)).expect("a picture");
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect()
}

#[test]
fn a_run_at_work_is_shown_with_its_ranks_and_curves() {
    let all = lines(&view(Some(true)), 120, 24);
    assert_eq!(all[0], "sweep quick");
    assert!(all[1].contains("64 of 256 cells, 25.0%"), "{}", all[1]);
    assert_eq!(all[2], "64 running, 128 waiting, 0 failed, 4 diverged");
    assert!(all[3].starts_with("run: process 7 on node1; 3 ranks, for 60 s, last heard 3 s ago"), "{}", all[3]);
    assert!(all[4].starts_with("2.50 cells/s; 40 s to 80 s left"), "{}", all[4]);
    let text = all.join("\n");
    for part in [
        "3 ranks",
        "trains   64     300      50%",
        "waits",
        "IS LOST",
        "train_error of 1 cell (at a checkpoint, 12 s old)",
    ] {
        assert!(text.contains(part), "`{part}` is missing:\n{text}");
    }
    // The curve is drawn in braille, from its greatest value at the left to its least.
    let dots = |line: &String| line.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c));
    assert!(all.iter().filter(|line| dots(line)).count() > 5, "{text}");
    assert!(text.contains("0.500") && text.contains("0.010"), "{text}");
}

#[test]
fn a_run_that_was_killed_and_one_that_is_silent_are_called_so() {
    let killed = lines(&view(Some(false)), 120, 24).join("\n");
    assert!(
        killed.contains("NO RUN IS ALIVE: process 7 on node1, is gone, last heard 3 s ago. Run it again to continue"),
        "{killed}"
    );
    assert!(!killed.contains("cells/s"), "a run that is gone has no rate: {killed}");
    let silent = lines(&view(None), 120, 24).join("\n");
    assert!(silent.contains("silent: process 7 on node1, last heard 3 s ago. It may have been killed"), "{silent}");
}

#[test]
fn no_screen_is_too_small_and_no_number_breaks_a_picture() {
    let mut odd = view(Some(true));
    if let Some(Ok(status)) = &mut odd.status {
        status.cells = 0;
        status.name = "日本語の長い名前".repeat(20);
        if let Some(run) = &mut status.run {
            (run.silent, run.rate, run.left) = (f64::NAN, f64::INFINITY, Some((f64::NAN, 1e300)));
            run.of_rank = (0..500).map(|number| rank(number, Activity::Draining)).collect();
            run.of_rank[3].done_fraction = f64::NAN;
        }
    }
    odd.curves.variables[0].1 = vec![vec![(0.0, 1e300), (1.0, -1e300)]; 100];
    odd.chosen = 499;
    for help in [false, true] {
        odd.help = help;
        for (width, height) in [(1, 1), (2, 3), (10, 5), (40, 8), (89, 20), (90, 7), (300, 100)] {
            for view in [&odd, &view(Some(true)), &View { help, ..View::default() }] {
                assert_eq!(lines(view, width, height).len(), usize::from(height));
            }
        }
    }
}

#[test]
fn what_is_not_there_is_said() {
    let mut view = view(Some(true));
    view.curves = Curves {
        source: "no checkpoint of this rank's cells yet; no cell is finished so far".into(),
        ..Curves::default()
    };
    let text = lines(&view, 120, 24).join("\n");
    assert!(text.contains("no checkpoint of this rank's cells yet"), "{text}");
    view.take(Err("it is gone".to_owned()));
    let text = lines(&view, 120, 24).join("\n");
    assert!(text.contains("The run directory cannot be read: it is gone"), "{text}");
    assert!(lines(&View::default(), 60, 10).join("\n").contains("reading the run directory"));
}

#[test]
fn keys_choose_a_rank_and_a_variable() {
    let mut view = view(Some(true));
    assert_eq!((view.press(Key::Down), view.chosen), (Effect::Look, 1));
    view.press(Key::Last);
    view.press(Key::Down);
    assert_eq!(view.chosen, 2, "there is no rank below the last one");
    view.press(Key::Up);
    assert_eq!(view.chosen, 1);
    assert_eq!((view.press(Key::Variable), view.variable), (Effect::None, 1));
    view.press(Key::Variable);
    assert_eq!(view.variable, 0, "after the last variable comes the first");
    view.press(Key::Last);
    // A run with fewer ranks is read: the chosen one is one of these.
    let mut fewer = status(Some(true));
    if let Some(run) = &mut fewer.run {
        run.of_rank.truncate(1);
    }
    view.take(Ok(fewer));
    assert_eq!(view.chosen, 0);
    assert_eq!((view.press(Key::Look), view.press(Key::Quit)), (Effect::Look, Effect::Quit));
    view.press(Key::Help);
    assert!(lines(&view, 100, 30).join("\n").contains("end; the run goes on"));
}

#[test]
fn without_colours_there_are_none() {
    let mut plain = view(Some(false));
    plain.plain = true;
    let mut terminal = Terminal::new(TestBackend::new(120, 24)).expect("a screen");
    terminal.draw(|frame| draw(frame, &plain)).expect("a picture");
    let buffer = terminal.backend().buffer();
    assert!(buffer.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    // What is wrong is bold, and says so in words.
    let is_bold = |x: u16| buffer[(x, 3)].modifier.contains(Modifier::BOLD);
    assert!(is_bold(0) && is_bold(5));
}
