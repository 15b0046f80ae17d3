//! What a request asks for, decided from its method, path and Host alone. Pure: no socket, no file.
//!
//! Invariants: nothing is told to who does not hold the token, not even whether a run exists; a path leads below the report of a
//! run that is served, by names that cannot climb; only GET and HEAD are answered; a Host that is a name (but `localhost`) is
//! refused, so that a page of another site, whose name is made to point here (DNS rebinding), reads nothing.

use std::net::IpAddr;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// The list of runs.
    Runs,
    /// The page around a run's report, with the header that renews itself.
    Run(String),
    /// How far a run is, as JSON.
    Status(String),
    /// A file of a run's report: its place below the report's folder.
    Report(String, Vec<String>),
    /// Another address of the same: with the slash that relative links need.
    MovedTo(String),
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Only GET and HEAD are answered.
    Method,
    /// The Host header is absent, or is a name that is not this server's.
    Host,
    /// There is no such thing, or the token is not there.
    NotFound,
}

impl Refusal {
    /// The status code of HTTP.
    pub(super) fn code(self) -> u16 {
        match self {
            Refusal::Method => 405,
            Refusal::Host => 421,
            Refusal::NotFound => 404,
        }
    }

    /// What is said.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Refusal::Method => "Only GET and HEAD are answered: this server only shows what is in its directories.\n",
            Refusal::Host => {
                "This server is known as localhost or by an address in numbers, not by the name in your request.\n"
            }
            Refusal::NotFound => "There is nothing here. The address that `phasesweep serve` printed holds a token.\n",
        }
    }
}

/// What a request asks for. `path` is as it was sent, with or without a query.
///
/// # Errors
/// Why it is refused.
pub(super) fn asked(method: &str, path: &str, host: Option<&str>, token: &str) -> Result<Asked, Refusal> {
    if !host.is_some_and(is_our_host) {
        return Err(Refusal::Host);
    }
    if method != "GET" && method != "HEAD" {
        return Err(Refusal::Method);
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut segments = path.strip_prefix('/').ok_or(Refusal::NotFound)?.split('/');
    let given = segments.next().unwrap_or_default();
    if !is_same(given.as_bytes(), token.as_bytes()) {
        return Err(Refusal::NotFound);
    }
    let names: Option<Vec<String>> = segments.map(decoded).collect();
    let names = names.ok_or(Refusal::NotFound)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names.as_slice() {
        [] => Ok(Asked::MovedTo(format!("/{token}/"))),
        [""] => Ok(Asked::Runs),
        ["run", run] if is_name(run) => Ok(Asked::MovedTo(format!("/{token}/run/{}/", encoded(run)))),
        ["run", run, ""] if is_name(run) => Ok(Asked::Run((*run).to_owned())),
        ["run", run, "status.json"] if is_name(run) => Ok(Asked::Status((*run).to_owned())),
        ["run", run, "report", file @ ..] if is_name(run) && !file.is_empty() => {
            let below = if file == [""] { &["index.html"][..] } else { file };
            if below.iter().all(|name| is_name(name)) {
                let below = below.iter().map(|name| (*name).to_owned()).collect();
                return Ok(Asked::Report((*run).to_owned(), below));
            }
            Err(Refusal::NotFound)
        }
        _ => Err(Refusal::NotFound),
    }
}

/// Whether a Host header names this server: `localhost` or an address in numbers, with or without a port. A tunnel's port is
/// another one than ours, so that any is right.
fn is_our_host(host: &str) -> bool {
    let host = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

/// Whether a name is one of a file or a run: not empty, not hidden (which `.` and `..` are too), of printable characters without
/// separators.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && !name.contains(|c: char| c.is_control() || "/\\:".contains(c))
}

/// A segment with `%41` written out; `None` if that is no UTF-8, or no such thing.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push((16 * high + low) as u8);
    }
    String::from_utf8(bytes).ok()
}

/// A name as a segment of a path.
pub(super) fn encoded(name: &str) -> String {
    let byte = |byte: u8| match byte {
        b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(byte).collect()
}

/// Whether two texts are the same, in a time that does not tell how far they agree.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// The type of a file of a report, by how its name ends; `None` for what a report does not hold.
pub(super) fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "pdf" => "application/pdf",
        "json" => "application/json",
        "csv" => "text/csv; charset=utf-8",
        "md" | "tex" | "txt" => "text/plain; charset=utf-8",
        "parquet" => "application/vnd.apache.parquet",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOKEN: &str = "0123456789abcdef";

    fn get(path: &str) -> Result<Asked, Refusal> {
        asked("GET", path, Some("localhost:8000"), TOKEN)
    }

    #[test]
    fn paths_lead_to_runs_and_files_of_their_reports_alone() {
        let of = |below: &str| get(&format!("/{TOKEN}{below}"));
        assert_eq!(of(""), Ok(Asked::MovedTo(format!("/{TOKEN}/"))));
        assert_eq!(of("/"), Ok(Asked::Runs));
        assert_eq!(of("/?x=1"), Ok(Asked::Runs));
        assert_eq!(of("/run/a%20b"), Ok(Asked::MovedTo(format!("/{TOKEN}/run/a%20b/"))));
        assert_eq!(of("/run/a%20b/"), Ok(Asked::Run("a b".into())));
        assert_eq!(of("/run/quick/status.json"), Ok(Asked::Status("quick".into())));
        assert_eq!(of("/run/quick/report/"), Ok(Asked::Report("quick".into(), vec!["index.html".into()])));
        let figure = vec!["figures".to_owned(), "a.svg".to_owned()];
        assert_eq!(of("/run/quick/report/figures/a.svg"), Ok(Asked::Report("quick".into(), figure)));
        for climbing in [
            "/run/quick/report/../results.h5",
            "/run/quick/report/%2e%2e/results.h5",
            "/run/quick/report/..%2fresults.h5",
            "/run/quick/report//etc/passwd",
            "/run/quick/report/figures/..\\x",
            "/run/quick/report/.part",
            "/run/quick/report/a%00.svg",
            "/run/../x/",
            "/run/quick/report/%ff",
            "/run/quick/report/%4",
            "/runs/",
            "/run/quick/other",
        ] {
            assert_eq!(of(climbing), Err(Refusal::NotFound), "{climbing}");
        }
        for elsewhere in ["/", "", "*", "/0123456789abcdeF/", "/0123456789abcde/", "http://localhost/0123456789abcdef/"]
        {
            assert_eq!(get(elsewhere), Err(Refusal::NotFound), "{elsewhere}");
        }
    }

    #[test]
    fn other_methods_and_hosts_are_refused() {
        let path = format!("/{TOKEN}/");
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get"] {
            assert_eq!(asked(method, &path, Some("localhost"), TOKEN), Err(Refusal::Method));
        }
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8000", "[::1]:80", "[::1]", "10.0.0.7:1"] {
            assert_eq!(asked("HEAD", &path, Some(host), TOKEN), Ok(Asked::Runs), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8000", "127.0.0.1.evil.example", "", "localhost:x", ":80"]
        {
            assert_eq!(asked("GET", &path, Some(host), TOKEN), Err(Refusal::Host), "{host}");
        }
        assert_eq!(asked("GET", &path, None, TOKEN), Err(Refusal::Host));
    }

    proptest! {
        /// Whatever is sent, a file that is asked for has a name of its own in each step, and none climbs.
        #[test]
        fn no_path_climbs(path in "(/0123456789abcdef)?(/(run|report|\\.\\.|%2e%2e|%2F|a|\\.|%5c|[ -~]{0,4})){0,8}") {
            if let Ok(Asked::Report(run, below)) = get(&path) {
                prop_assert!(is_name(&run) && !below.is_empty());
                prop_assert!(below.iter().all(|name| name != ".." && name != "." && !name.contains(['/', '\\', '\0'])));
                prop_assert!(path.starts_with("/0123456789abcdef/run/"));
            }
        }

        #[test]
        fn names_survive_their_encoding(name in "[^/\\\\:\\.\\p{Cc}][^/\\\\:\\p{Cc}]{0,20}") {
            prop_assert_eq!(get(&format!("/{TOKEN}/run/{}/", encoded(&name))), Ok(Asked::Run(name)));
        }
    }
}
