//! A sign of life while something takes longer than a second and does not say how far it is: on a terminal, a line with the time
//! that has passed; elsewhere nothing, so that logs stay logs.

use std::io::IsTerminal;
use std::sync::mpsc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// What is over sooner needs no sign.
const SOON: Duration = Duration::from_secs(1);

/// Does the work, and shows what it is about while it takes.
pub(super) fn on<T>(what: &str, work: impl FnOnce() -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return work();
    }
    let (done, wait) = mpsc::channel::<()>();
    let what = what.to_owned();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Either way the channel says nothing: it closes when the work is done.
            if wait.recv_timeout(SOON) == Err(mpsc::RecvTimeoutError::Timeout) {
                let bar = ProgressBar::new_spinner().with_message(what);
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
                    bar.set_style(style);
                }
                bar.set_elapsed(SOON);
                bar.enable_steady_tick(Duration::from_millis(120));
                _ = wait.recv();
                bar.finish_and_clear();
            }
        });
        // Dropped on a panic of the work too, so that the thread ends.
        let _done = done;
        work()
    })
}
