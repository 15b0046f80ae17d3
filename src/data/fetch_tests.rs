//! Downloads from a server in this process that breaks off, lies, and forgets.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::data::checksum::sha256;

/// How the server misbehaves on a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    /// Serves ranges as asked.
    Well,
    /// Sends so many bytes of the answer, then closes the connection.
    CutAfter(usize),
    /// Sends the whole file whatever was asked for.
    NoRanges,
    /// Flips a bit.
    Corrupt,
    /// Answers with this status.
    Status(u16),
    /// Sends a different part than was asked for.
    OtherRange,
}

/// What the server was asked: path and first byte of the range.
type Log = Arc<Mutex<Vec<(String, Option<u64>)>>>;

/// Serves `content` for every path; request n is answered in manner n, the last one for all further ones.
fn serve(content: Vec<u8>, manners: Vec<Manner>) -> (String, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let log = Log::default();
    let shared = Arc::clone(&log);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let path = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
            let mut start = None;
            for line in lines.take_while(|line| !line.is_empty()) {
                let line = line.to_ascii_lowercase();
                if let Some(range) = line.strip_prefix("range: bytes=") {
                    start = range.trim_end_matches('-').parse::<u64>().ok();
                }
            }
            shared.lock().unwrap().push((path, start));
            let manner = manners[number.min(manners.len() - 1)];
            let from = start.filter(|_| manner != Manner::NoRanges);
            let mut body = content[from.unwrap_or(0).min(content.len() as u64) as usize..].to_vec();
            let shift = u64::from(manner == Manner::OtherRange);
            let mut head = match (manner, from) {
                (Manner::Status(code), _) => {
                    body.clear();
                    format!("HTTP/1.1 {code} No\r\n")
                }
                (_, Some(from)) => {
                    let last = content.len() - 1;
                    format!(
                        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {}-{last}/{}\r\n",
                        from + shift,
                        content.len()
                    )
                }
                (_, None) => "HTTP/1.1 200 OK\r\n".to_owned(),
            };
            head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()));
            match manner {
                Manner::Corrupt => body[0] ^= 1,
                Manner::CutAfter(length) => body.truncate(length),
                _ => {}
            }
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    (address, log)
}

/// Bytes without a pattern that a shift would hide.
fn content() -> Vec<u8> {
    (0..300_000u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// A published set of one file with this content.
fn set_of(content: &[u8]) -> Published {
    let sum: &'static str = sha256(Path::new("-"), content).unwrap().leak();
    let file = catalogue::File { name: "data.gz", bytes: content.len() as u64, packed: Some(sum), plain: None };
    let files: &'static [catalogue::File] = vec![file].leak();
    Published { name: "set", downloads: files, files, mirrors: &[], ..*sources::published_as("mnist").unwrap() }
}

fn options(dir: &Path, mirror: String) -> Options {
    Options { dir: dir.join("set"), mirror: Some(mirror), attempts: 3, pause: Duration::from_millis(1) }
}

fn quietly(set: &Published, options: &Options) -> Result<Fetched, FetchError> {
    fetch_set(set, options, &mut |_| {})
}

/// What lies in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_comes_whole_and_is_not_asked_for_again() {
    let tmp = tempfile::tempdir().unwrap();
    let (mirror, log) = serve(content(), vec![Manner::Well]);
    let (set, options) = (set_of(&content()), options(tmp.path(), mirror));
    let mut last = None;
    let fetched = fetch_set(&set, &options, &mut |progress| last = Some((progress.received, progress.total))).unwrap();
    assert_eq!(fetched.files, [("data.gz".to_owned(), Outcome::Downloaded)]);
    assert_eq!(last, Some((300_000, 300_000)));
    assert_eq!(fs::read(options.dir.join("data.gz")).unwrap(), content());
    assert_eq!(names(&options.dir), ["data.gz"]);
    assert_eq!(quietly(&set, &options).unwrap().files, [("data.gz".to_owned(), Outcome::Present)]);
    assert_eq!(*log.lock().unwrap(), [("/set/data.gz".to_owned(), None)]);
}

#[test]
fn a_broken_connection_is_continued_where_it_ended() {
    let tmp = tempfile::tempdir().unwrap();
    // Five cuts are more than the three attempts allowed without getting further.
    let manners = [vec![Manner::CutAfter(50_000); 5], vec![Manner::Well]].concat();
    let (mirror, log) = serve(content(), manners);
    let options = options(tmp.path(), mirror);
    quietly(&set_of(&content()), &options).unwrap();
    assert_eq!(fs::read(options.dir.join("data.gz")).unwrap(), content());
    let starts: Vec<_> = log.lock().unwrap().iter().map(|(_, start)| *start).collect();
    assert_eq!(starts, [None, Some(50_000), Some(100_000), Some(150_000), Some(200_000), Some(250_000)]);
}

#[test]
fn an_earlier_download_is_resumed() {
    let tmp = tempfile::tempdir().unwrap();
    let (mirror, log) = serve(content(), vec![Manner::Well]);
    let options = options(tmp.path(), mirror);
    fs::create_dir_all(&options.dir).unwrap();
    fs::write(options.dir.join("data.gz.partial"), &content()[..1234]).unwrap();
    let fetched = quietly(&set_of(&content()), &options).unwrap();
    assert_eq!(fetched.files, [("data.gz".to_owned(), Outcome::Resumed)]);
    assert_eq!(log.lock().unwrap()[0].1, Some(1234));
    assert_eq!(fs::read(options.dir.join("data.gz")).unwrap(), content());
}

#[test]
fn a_partial_file_of_something_else_is_dropped_and_fetched_anew() {
    for (partial, manner) in [
        (vec![0; 1234], Manner::Well),
        (vec![0; 300_000], Manner::Well),
        (vec![0; 300_001], Manner::Well),
        (vec![0; 1234], Manner::NoRanges),
        (vec![0; 1234], Manner::OtherRange),
    ] {
        let tmp = tempfile::tempdir().unwrap();
        let (mirror, _) = serve(content(), vec![manner, Manner::Well]);
        let options = options(tmp.path(), mirror);
        fs::create_dir_all(&options.dir).unwrap();
        fs::write(options.dir.join("data.gz.partial"), &partial).unwrap();
        quietly(&set_of(&content()), &options).unwrap();
        assert_eq!(fs::read(options.dir.join("data.gz")).unwrap(), content(), "{manner:?}, {}", partial.len());
    }
}

#[test]
fn nothing_unverified_gets_the_final_name() {
    for (manner, told) in [
        (Manner::Corrupt, "its sha256 is"),
        (Manner::Status(404), "404"),
        (Manner::Status(503), "503"),
        (Manner::CutAfter(0), "0 of 300000 bytes"),
    ] {
        let tmp = tempfile::tempdir().unwrap();
        let (mirror, _) = serve(content(), vec![manner]);
        let options = options(tmp.path(), mirror.clone());
        let text = quietly(&set_of(&content()), &options).unwrap_err().to_string();
        assert!(text.contains(told) && text.contains(&mirror) && text.contains("by hand"), "{manner:?}: {text}");
        assert_eq!(names(&options.dir), ["data.gz.partial"], "{manner:?}");
    }
    // A mirror with a longer file.
    let tmp = tempfile::tempdir().unwrap();
    let (mirror, _) = serve([content(), content()].concat(), vec![Manner::Well]);
    let options = options(tmp.path(), mirror);
    let text = quietly(&set_of(&content()), &options).unwrap_err().to_string();
    assert!(text.contains("more than the 300000 bytes"), "{text}");
}

#[test]
fn the_next_mirror_is_asked_when_one_has_the_wrong_file() {
    let tmp = tempfile::tempdir().unwrap();
    let (bad, _) = serve(content(), vec![Manner::Corrupt]);
    let (good, _) = serve(content(), vec![Manner::Well]);
    let options = options(tmp.path(), good.clone());
    fs::create_dir_all(&options.dir).unwrap();
    let set = set_of(&content());
    let mirrors = [format!("{bad}/"), format!("{good}/")];
    let agent = agent(false);
    let job = Job { set: "set", file: &set.files[0], mirrors: &mirrors, agent: &agent, options: &options };
    let (partial, _) = job.run(&mut |_| {}).unwrap();
    assert_eq!(fs::read(&partial.path).unwrap(), content());
    // While it is held, a second process stays away.
    assert!(matches!(job.run(&mut |_| {}), Err(FetchError::Busy { .. })));
}

#[test]
fn plain_http_is_for_named_mirrors_alone() {
    let tmp = tempfile::tempdir().unwrap();
    let (mirror, log) = serve(content(), vec![Manner::Well]);
    let options = Options { attempts: 1, ..options(tmp.path(), mirror.clone()) };
    fs::create_dir_all(&options.dir).unwrap();
    let set = set_of(&content());
    let agent = agent(true);
    let job =
        Job { set: "set", file: &set.files[0], mirrors: &[format!("{mirror}/")], agent: &agent, options: &options };
    assert!(matches!(job.run(&mut |_| {}), Err(FetchError::NoMirror { .. })));
    assert!(log.lock().unwrap().is_empty());
    let ftp = Options { mirror: Some("ftp://host".to_owned()), ..options };
    assert!(quietly(&set, &ftp).unwrap_err().to_string().contains("https://"));
    assert!(fetch("minst", &ftp, &mut |_| {}).unwrap_err().to_string().contains("mnist, fashion-mnist"));
}

#[test]
fn a_wrong_file_in_the_way_is_set_aside() {
    let tmp = tempfile::tempdir().unwrap();
    let (mirror, _) = serve(content(), vec![Manner::Well]);
    let options = options(tmp.path(), mirror);
    fs::create_dir_all(&options.dir).unwrap();
    fs::write(options.dir.join("data.gz"), b"<html>not found</html>").unwrap();
    let fetched = quietly(&set_of(&content()), &options).unwrap();
    assert_eq!(fetched.set_aside, [options.dir.join("data.gz.damaged")]);
    assert_eq!(names(&options.dir), ["data.gz", "data.gz.damaged"]);
    assert_eq!(fs::read(options.dir.join("data.gz")).unwrap(), content());
}

#[test]
fn an_archive_is_unpacked_file_by_file_and_verified() {
    use crate::data::tar::tests::entry;
    let (one, two) = (content()[..5000].to_vec(), content()[5000..9000].to_vec());
    let tarball = |two: &[u8]| {
        let tar = [
            entry("set/readme.html", b'0', b"hello"),
            entry("set/one.bin", b'0', &one),
            entry("set/two.bin", b'0', two),
            vec![0; 1024],
        ]
        .concat();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&tar).unwrap();
        encoder.finish().unwrap()
    };
    let file = |name, content: &[u8]| catalogue::File {
        name,
        bytes: content.len() as u64,
        packed: None,
        plain: Some(sha256(Path::new("-"), content).unwrap().leak()),
    };
    let files: &'static [catalogue::File] = vec![file("one.bin", &one), file("two.bin", &two)].leak();
    let set = |archive: &[u8]| {
        let name = "archive.tar.gz";
        let downloads = vec![catalogue::File { packed: file(name, archive).plain, plain: None, ..file(name, archive) }];
        Published {
            name: "set",
            format: Format::Cifar,
            downloads: downloads.leak(),
            files,
            mirrors: &[],
            ..*sources::published_as("cifar10").unwrap()
        }
    };
    let tmp = tempfile::tempdir().unwrap();
    let good = tarball(&two);
    let (mirror, log) = serve(good.clone(), vec![Manner::Well]);
    let there = options(tmp.path(), mirror);
    quietly(&set(&good), &there).unwrap();
    assert_eq!(names(&there.dir), ["one.bin", "two.bin"]);
    assert_eq!(fs::read(there.dir.join("two.bin")).unwrap(), two);
    quietly(&set(&good), &there).unwrap();
    assert_eq!(log.lock().unwrap().len(), 1);
    // An archive whose content is not what was published with it.
    let tmp = tempfile::tempdir().unwrap();
    let bad = tarball(&one);
    let (mirror, _) = serve(bad.clone(), vec![Manner::Well]);
    let there = options(tmp.path(), mirror);
    let text = quietly(&set(&bad), &there).unwrap_err().to_string();
    assert!(text.contains("two.bin is not the published one"), "{text}");
    assert!(!there.dir.join("two.bin").exists());
}
