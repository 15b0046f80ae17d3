//! `phasesweep watch` in a real pseudo-terminal: it draws, takes keys and sizes, and leaves the terminal as it was, however it ends.

use std::process::Command;

use crate::rig::{expect_code, phasesweep, small_run};

/// Starts the program in a pseudo-terminal of 100 × 30, and again of 60 × 15; sends what the case says; prints how it ended and what
/// came after the last picture. `pty` is of Python's standard library.
const DRIVER: &str = r#"
import fcntl, os, pty, select, signal, struct, sys, termios, time

program, run, case = sys.argv[1:4]
child, terminal = pty.fork()
if child == 0:
    os.environ["TERM"] = "xterm-256color"
    os.execv(program, [program, "watch", run, "--every", "1"])

def size(rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.kill(child, signal.SIGWINCH)

seen = b""
def read_until(wanted, seconds=30):
    global seen
    end = time.time() + seconds
    while wanted not in seen:
        left = end - time.time()
        if left <= 0:
            os.kill(child, signal.SIGKILL)
            raise AssertionError((wanted, seen[-2000:]))
        if select.select([terminal], [], [], left)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:
                break
    return wanted in seen

size(30, 100)
before = termios.tcgetattr(terminal)
assert read_until(b"\x1b[?1049h"), "the other screen is taken"
assert read_until(b"sweep small"), seen
assert not termios.tcgetattr(terminal)[3] & termios.ECHO, "keys are not echoed"
seen = b""
size(15, 60)
assert read_until(b"100.0%"), "it is drawn again after a resize"
os.write(terminal, b"?")
assert read_until(b"the run goes on"), seen
seen = b""
if case == "q":
    os.write(terminal, b"q")
elif case == "ctrl-c":
    os.write(terminal, b"\x03")
elif case == "escape":
    os.write(terminal, b"\x1b")
elif case == "term":
    os.kill(child, signal.SIGTERM)
elif case == "q with a resize":
    # Both wait for it when it looks again.
    os.kill(child, signal.SIGSTOP)
    os.waitpid(child, os.WUNTRACED)
    size(20, 70)
    os.write(terminal, b"q")
    os.kill(child, signal.SIGCONT)
elif case == "no terminal":
    os.close(terminal)
if case != "no terminal":
    read_until(b"\x1b[?1049l")
    assert b"\x1b[?1049l" in seen, "the screen is given back"
# The end of the child closes the terminal, so that nothing is waited for in vain.
deadline = time.time() + 20
while True:
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        break
    if time.time() >= deadline:
        os.kill(child, signal.SIGKILL)
        raise AssertionError("it does not end")
    if case == "no terminal":
        time.sleep(0.05)
        continue
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            seen += os.read(terminal, 65536)
        except OSError:
            time.sleep(0.05)
assert os.waitstatus_to_exitcode(status) == 0, os.waitstatus_to_exitcode(status)
assert case == "no terminal" or b"\x1b[?25h" in seen, "the cursor is shown again"
try:
    after = termios.tcgetattr(terminal)
    assert after[3] & termios.ECHO == before[3] & termios.ECHO, "keys are echoed as before"
except termios.error:
    pass
print("ended well")
"#;

#[test]
fn it_draws_and_leaves_the_terminal_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let run = small_run(directory.path());
    // Which of two things it sees first is chance.
    for case in ["q", "ctrl-c", "escape", "term", "no terminal"].into_iter().chain(["q with a resize"; 4]) {
        let mut python = Command::new("python3");
        let output =
            python.args(["-c", DRIVER, env!("CARGO_BIN_EXE_phasesweep")]).arg(&run).arg(case).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{case}: {said}");
    }
}

#[test]
fn without_a_terminal_it_says_the_status_once() {
    let directory = tempfile::tempdir().unwrap();
    let run = small_run(directory.path());
    let watched = expect_code(phasesweep().arg("watch").arg(&run), 0);
    let text = String::from_utf8(watched.stdout).unwrap();
    assert!(text.starts_with("sweep small: 4 cells\n") && !text.contains('\u{1b}'), "{text}");
    assert!(String::from_utf8_lossy(&watched.stderr).contains("status DIR --watch"), "the advice");
}
