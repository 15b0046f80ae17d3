//! The socket: HTTP/1.1 by hyper, in one thread; files and statuses are read in others.
//!
//! Invariants: a request is answered from files alone; a head that is not sent within seconds, or is larger than it need be, ends
//! its connection; there are so many connections at most; SIGINT and SIGTERM end the server, the report that is being
//! made, and nothing else.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use minijinja::{Environment, context};
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::sync::Semaphore;

use super::request::{Asked, Refusal, asked, encoded, media_type};
use super::runs::Runs;

/// Connections at a time.
const CONNECTIONS: usize = 64;
/// A head must be there after so long.
const HEAD: Duration = Duration::from_secs(10);
/// A connection ends after so long, whatever it does.
const CONNECTION: Duration = Duration::from_secs(300);
/// A signal is seen after so long.
const SIGNAL: Duration = Duration::from_millis(100);
/// Bytes of a head.
const HEAD_BYTES: usize = 16 << 10;
/// A file that is larger is not sent: no report holds such a one.
const MOST_BYTES: u64 = 256 << 20;
/// Seconds between two renewals of the header of a page.
const HEADER_EVERY: Duration = Duration::from_secs(3);

/// Answers until a signal comes.
pub(super) fn serve(socket: TcpListener, runs: Runs, token: &str) -> io::Result<()> {
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // A second one ends it at once, whatever it is about.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&ended))?;
        signal_hook::flag::register(signal, Arc::clone(&ended))?;
    }
    socket.set_nonblocking(true)?;
    let turn = Arc::clone(&runs.turn);
    let service = Arc::new(Service { runs, token: token.to_owned() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let outcome = runtime.block_on(async {
        let socket = tokio::net::TcpListener::from_std(socket)?;
        let free = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            if ended.load(Ordering::Relaxed) {
                return Ok(());
            }
            let stream = match tokio::time::timeout(SIGNAL, socket.accept()).await {
                Err(_) => continue,
                Ok(Ok((stream, _))) => stream,
                // One connection's fault (reset before it was accepted), or no descriptor free: the next may do better.
                Ok(Err(error)) => {
                    tracing::debug!("a connection was not accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&free).try_acquire_owned() else { continue };
            let service = Arc::clone(&service);
            tokio::spawn(async move {
                let answer = |request| answer(Arc::clone(&service), request);
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD)
                    .max_buf_size(HEAD_BYTES)
                    .serve_connection(TokioIo::new(stream), service_fn(answer));
                // What is wrong with a connection is its own fault, and its end.
                if let Ok(Err(error)) = tokio::time::timeout(CONNECTION, connection).await {
                    tracing::debug!("a connection ended: {error}");
                }
                drop(permit);
            });
        }
    });
    turn.end();
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

struct Service {
    runs: Runs,
    token: String,
}

/// What is sent: status, type, bytes.
struct Reply {
    code: u16,
    kind: &'static str,
    bytes: Vec<u8>,
    /// Where else it is.
    location: Option<String>,
}

impl Reply {
    fn new(code: u16, kind: &'static str, bytes: impl Into<Vec<u8>>) -> Reply {
        Reply { code, kind, bytes: bytes.into(), location: None }
    }

    fn text(code: u16, sentence: &str) -> Reply {
        Reply::new(code, "text/plain; charset=utf-8", sentence)
    }
}

async fn answer(service: Arc<Service>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let path = request.uri().path_and_query().map_or("", |path| path.as_str()).to_owned();
    // A request that names its host in the address as well must mean the same server.
    let elsewhere = request.uri().authority().is_some_and(|authority| Some(authority.as_str()) != host.as_deref());
    let method = request.method().as_str().to_owned();
    let reply = match asked(&method, &path, host.as_deref().filter(|_| !elsewhere), &service.token) {
        Err(refusal) => Reply::text(refusal.code(), refusal.sentence()),
        Ok(asked) => tokio::task::spawn_blocking(move || service.reply(asked)).await.unwrap_or_else(|error| {
            tracing::error!("a request failed: {error}");
            Reply::text(500, "This is a bug in phasesweep; its log says more.\n")
        }),
    };
    Ok(response(reply))
}

/// The response, with headers that keep its page from reaching anything else, and anything else from framing it.
fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.bytes)));
    *response.status_mut() =
        hyper::StatusCode::from_u16(reply.code).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, reply.kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data: blob:; \
             font-src data:; connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; \
             form-action 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(Ok(location)) = reply.location.map(HeaderValue::try_from) {
        headers.insert(header::LOCATION, location);
    }
    if reply.code == Refusal::Method.code() {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

impl Service {
    fn reply(&self, asked: Asked) -> Reply {
        let gone = || Reply::text(404, "No such run is served here.\n");
        match asked {
            Asked::MovedTo(place) => Reply { location: Some(place), ..Reply::text(308, "\n") },
            Asked::Runs => self.list(),
            Asked::Run(name) => match self.runs.named(&name) {
                None => gone(),
                Some(_) => page(include_str!("page.html"), context! { name, every => HEADER_EVERY.as_millis() as u64 }),
            },
            Asked::Status(name) => {
                let Some(run) = self.runs.named(&name) else { return gone() };
                run.renew(&self.runs.turn);
                let (status, error) = match run.status() {
                    Ok(status) => (Some(status), None),
                    Err(error) => (None, Some(error)),
                };
                let told = json!({ "status": status, "error": error, "report": run.report() });
                Reply::new(200, "application/json", told.to_string())
            }
            Asked::Report(name, below) => {
                let Some(run) = self.runs.named(&name) else { return gone() };
                run.renew(&self.runs.turn);
                match run.folder() {
                    Some(folder) => file(&folder, &below),
                    None => waiting(run.report().error.as_deref()),
                }
            }
        }
    }

    fn list(&self) -> Reply {
        let runs = self.runs.list();
        let rows: Vec<_> = (runs.iter())
            .map(|(name, run)| match run.status() {
                Ok(status) => {
                    let done = status.complete + status.diverged;
                    let alive = status.run.as_ref().map(|run| run.alive);
                    let state = match alive {
                        None => "no run has worked here yet",
                        Some(Some(true)) => "at work",
                        Some(None) => "silent: it may have been killed",
                        Some(Some(false)) if status.is_over() => "over",
                        Some(Some(false)) => "NO RUN IS ALIVE",
                    };
                    context! { name, address => encoded(name), done, cells => status.cells, failed => status.failed.len(), state }
                }
                Err(error) => context! { name, address => encoded(name), state => error },
            })
            .collect();
        page(include_str!("runs.html"), context! { rows })
    }
}

/// A template, rendered with its values escaped.
fn page(template: &str, values: minijinja::Value) -> Reply {
    match Environment::new().render_named_str("page.html", template, values) {
        Ok(html) => Reply::new(200, "text/html; charset=utf-8", html),
        Err(error) => Reply::text(500, &format!("This is a bug in phasesweep: {error}\n")),
    }
}

/// Stands where a report will be, and looks again.
fn waiting(error: Option<&str>) -> Reply {
    let said = error.unwrap_or("The report is being made from the cells that are finished …");
    page(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"3\"><title>Waiting for the \
         report</title><style>:root{color-scheme:light dark}body{font:15px system-ui,sans-serif;margin:2rem}</style>\
         <p role=\"status\">{{ said }}</p></html>",
        context! { said },
    )
}

/// A file of a report. Its folder is ours; that a link in it leads elsewhere is refused all the same.
fn file(folder: &Path, below: &[String]) -> Reply {
    let absent = || Reply::text(404, "The report holds no such file.\n");
    let Some(kind) = below.last().and_then(|name| media_type(name)) else { return absent() };
    let path: PathBuf = folder.iter().map(Path::new).chain(below.iter().map(Path::new)).collect();
    let (Ok(root), Ok(path)) = (std::fs::canonicalize(folder), std::fs::canonicalize(path)) else { return absent() };
    let is_sent = |data: &std::fs::Metadata| data.is_file() && data.len() <= MOST_BYTES;
    if !path.starts_with(&root) || !std::fs::metadata(&path).is_ok_and(|data| is_sent(&data)) {
        return absent();
    }
    std::fs::read(&path).map_or_else(|_| absent(), |bytes| Reply::new(200, kind, bytes))
}
