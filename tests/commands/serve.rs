//! `phasesweep serve` on a real socket: what it tells, whom it refuses, that no bytes end it, and that it ends when it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::rig::{has_report, phasesweep, small_run};

const TOKEN: &str = "0123456789abcdef0123";

/// A server that ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn of(directories: &[&Path]) -> Server {
        let mut command = phasesweep();
        command.arg("serve").args(directories).args(["--token", TOKEN, "--renew", "1"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().strip_suffix(&format!("/{TOKEN}/")).unwrap();
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        Server { child, address: address.to_owned() }
    }

    /// Sends bytes, says that no more come if `ends`, and reads what comes until the connection ends or nothing came for so long.
    fn raw(&self, bytes: &[u8], ends: bool, patience: Duration) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        // It may refuse before all is sent.
        _ = stream.write_all(bytes);
        if ends {
            _ = stream.shutdown(std::net::Shutdown::Write);
        }
        let mut answer = Vec::new();
        _ = stream.read_to_end(&mut answer);
        answer
    }

    /// Status code, head and body.
    fn ask(&self, method: &str, path: &str, host: &str) -> (u16, String, Vec<u8>) {
        let answer = self.raw(
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
            false,
            Duration::from_secs(20),
        );
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        (code, head, answer[end + 4..].to_vec())
    }

    fn get(&self, path: &str) -> (u16, String) {
        let (code, _, body) = self.ask("GET", &format!("/{TOKEN}{path}"), "localhost");
        (code, String::from_utf8_lossy(&body).into_owned())
    }

    fn status(&self, run: &str) -> Value {
        let (code, body) = self.get(&format!("/run/{run}/status.json"));
        assert_eq!(code, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Every file below a directory, with its bytes and when it was written.
fn tree(root: &Path) -> Vec<(std::path::PathBuf, Vec<u8>, std::time::SystemTime)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(root).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => all.extend(tree(&entry.path())),
            false => {
                let written = entry.metadata().unwrap().modified().unwrap();
                all.push((entry.path(), std::fs::read(entry.path()).unwrap(), written));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn a_run_and_its_report_are_served_and_nothing_is_written_into_it() {
    let directory = tempfile::tempdir().unwrap();
    let run = small_run(directory.path());
    let before = tree(&run);
    // The directory of the run, so that the run is found in it; the sweep file and nothing else beside it.
    let server = Server::of(&[directory.path()]);
    let (code, list) = server.get("/");
    assert!(code == 200 && list.contains("href=\"run/small/\""), "{list}");
    let (code, page) = server.get("/run/small/");
    assert!(code == 200 && page.contains("status.json") && page.contains("src=\"report/\""), "{page}");
    let status = server.status("small");
    assert_eq!((&status["status"]["complete"], &status["status"]["cells"]), (&4.into(), &4.into()));
    if has_report() {
        let begun = Instant::now();
        while server.status("small")["report"]["number"] == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", server.status("small"));
            std::thread::sleep(Duration::from_millis(200));
        }
        let (code, report) = server.get("/run/small/report/");
        assert!(code == 200 && report.contains("</html>"), "{code}");
        let (code, table) = server.get("/run/small/report/turning_points.csv");
        // Four cells, three observables, two rules, and the header.
        assert_eq!((code, table.lines().count()), (200, 1 + 4 * 3 * 2));
    }
    assert!(tree(&run) == before, "the run directory is as it was");
    let scratch = std::env::temp_dir().join(format!("phasesweep-serve-{}", server.child.id()));
    assert!(scratch.is_dir());
    drop_in_order(server, "-TERM");
    assert!(!scratch.exists(), "its scratch folder is gone");
}

/// Ends a server by a signal and insists that it ends well.
fn drop_in_order(mut server: Server, signal: &str) {
    server.signal(signal);
    let begun = Instant::now();
    loop {
        if let Some(status) = server.child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(0));
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn others_are_refused_and_a_signal_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let run = small_run(directory.path());
    std::fs::write(directory.path().join("secret.csv"), "secret").unwrap();
    let server = Server::of(&[&run]);
    let ours = format!("/{TOKEN}/");
    for host in ["localhost", "127.0.0.1", "127.0.0.1:1234", "[::1]:80"] {
        assert_eq!(server.ask("GET", &ours, host).0, 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", ""] {
        assert_eq!(server.ask("GET", &ours, host).0, 421, "{host}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        let (code, head, _) = server.ask(method, &ours, "localhost");
        assert!(code == 405 && head.to_lowercase().contains("allow: get, head"), "{method}: {head}");
    }
    let (code, _, body) = server.ask("HEAD", &ours, "localhost");
    assert_eq!((code, body.len()), (200, 0));
    for path in ["/", "/0123456789abcdef0124/", "/favicon.ico", &format!("/{TOKEN}x/")] {
        assert_eq!(server.ask("GET", path, "localhost").0, 404, "{path}");
    }
    for path in
        ["../secret.csv", "../../secret.csv", "%2e%2e/secret.csv", "..%2f..%2fsecret.csv", "/etc/passwd", "results.h5"]
    {
        let (code, body) = server.get(&format!("/run/small/report/{path}"));
        assert!(code != 200 || !body.contains("secret"), "{path}: {body}");
        assert!(!body.contains("root:"), "{path}");
    }
    let (_, head, _) = server.ask("GET", &ours, "localhost");
    for header in
        ["content-security-policy: default-src 'none'", "referrer-policy: no-referrer", "cache-control: no-store"]
    {
        assert!(head.to_lowercase().contains(header), "{header} is missing: {head}");
    }
    drop_in_order(server, "-INT");
}

#[test]
fn a_killed_run_shows_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let sweep = directory.path().join("sweep.toml");
    std::fs::write(&sweep, crate::rig::SMALL.replace("seeds = 2", "seeds = 400")).unwrap();
    let run = directory.path().join("killed");
    let mut child = phasesweep()
        .arg("run")
        .arg(&sweep)
        .arg("--out")
        .arg(&run)
        .args(["--simulate", "0.05"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !run.join("status.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the run does not begin");
        std::thread::sleep(Duration::from_millis(50));
    }
    let server = Server::of(&[&run]);
    assert_eq!(server.status("killed")["status"]["run"]["alive"], true);
    child.kill().unwrap();
    child.wait().unwrap();
    let begun = Instant::now();
    // A status is read anew every two seconds.
    while server.status("killed")["status"]["run"]["alive"] != false {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", server.status("killed"));
        std::thread::sleep(Duration::from_millis(300));
    }
    let status = server.status("killed");
    assert!(
        status["status"]["run"]["holder"].is_string() && status["status"]["waiting"].as_u64() > Some(0),
        "{status}"
    );
    let (_, list) = server.get("/");
    assert!(list.contains("NO RUN IS ALIVE"), "{list}");
}

/// Requests that are nearly right: the parts of one, mixed, cut and overwritten; and bytes that are nothing at all.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"GET ".to_vec()),
        Just(b"HEAD ".to_vec()),
        Just(format!("/{TOKEN}/").into_bytes()),
        Just(format!("/{TOKEN}/run/small/report/").into_bytes()),
        Just(b"../".to_vec()),
        Just(b"%2e%2e%2f".to_vec()),
        Just(b" HTTP/1.1\r\n".to_vec()),
        Just(b" HTTP/1.0\r\n".to_vec()),
        Just(b"Host: localhost\r\n".to_vec()),
        Just(b"Host: evil.example\r\n".to_vec()),
        Just(b"Content-Length: 99999999999999999999\r\n".to_vec()),
        Just(b"Content-Length: 5\r\n".to_vec()),
        Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
        Just(b"Upgrade: h2c\r\nConnection: upgrade\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"5\r\nhello\r\n0\r\n\r\n".to_vec()),
        Just(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        Just(vec![b'A'; 20_000]),
        proptest::collection::vec(any::<u8>(), 0..64),
    ];
    prop_oneof![
        3 => proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat()),
        1 => proptest::collection::vec(any::<u8>(), 0..600),
    ]
}

#[test]
fn no_bytes_end_it_or_are_told_what_needs_the_token() {
    let directory = tempfile::tempdir().unwrap();
    let run = small_run(directory.path());
    let server = Server::of(&[&run]);
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(requests(), any::<bool>()), |(bytes, ends)| {
        // Who says that no more comes need not be answered; who does not may be waited for.
        let answer = server.raw(&bytes, ends, Duration::from_millis(100));
        let text = String::from_utf8_lossy(&answer);
        prop_assert!(answer.is_empty() || text.starts_with("HTTP/1."), "{text}");
        prop_assert!(!text.contains("HTTP/1.1 500"), "{text}");
        // Who does not hold the token hears nothing of runs.
        if !String::from_utf8_lossy(&bytes).contains(TOKEN) {
            prop_assert!(!text.contains(" 200 ") && !text.contains("small"), "{text}");
        }
        Ok(())
    });
    outcome.unwrap();
    assert_eq!(server.get("/").0, 200, "it still answers");
    // A hundred that connect and say nothing keep nobody out for good: those beyond the limit are turned away.
    let idle: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    drop(idle);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.get("/").0, 200, "it still answers");
}
