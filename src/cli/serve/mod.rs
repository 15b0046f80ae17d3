//! `phasesweep serve`: the report page of runs, live, on this machine's loopback, for an ssh tunnel.
//!
//! It reads files and never talks to a run; what is finished is collected and rendered outside the run directory ([`live`]).
//! What a request asks for is decided in [`request`]; [`server`] is the socket. Invariants: nothing is written into a served
//! directory; nothing is told without the token; it listens on loopback unless `--listen` names another address.

mod live;
mod request;
mod runs;
mod server;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use phasesweep::slurm::parse_interval;

use super::exit::{Exit, Failure};

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Run directories, or directories of run directories.
    #[arg(value_name = "DIR", required = true)]
    directories: Vec<PathBuf>,
    /// Port; 0 takes a free one.
    #[arg(long, default_value = "0")]
    port: u16,
    /// Address to listen on. Any other than loopback lets whoever reaches this machine and knows the token read the reports.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Least time between two reports of a run that is at work, as 60s or 5m.
    #[arg(long, default_value = "60", value_name = "SECONDS", value_parser = parse_interval)]
    renew: Duration,
    /// Token in the address, 16 letters and digits or more [default: PHASESWEEP_TOKEN of the environment, or a random one].
    #[arg(long, value_parser = token)]
    token: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  phasesweep serve runs/quick                     one run; open the address that is printed
  phasesweep serve runs --port 8787               every run in a directory
  ssh -L 8787:localhost:8787 cluster              then, on the laptop: the same address, port 8787";

/// A token that cannot be guessed in any time, nor be taken for something else in a path.
fn token(text: &str) -> Result<String, String> {
    match text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => Ok(text.to_owned()),
        false => Err("a token is of 16 letters and digits or more".to_owned()),
    }
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let given = match (arguments.token, std::env::var("PHASESWEEP_TOKEN")) {
        (None, Ok(text)) => Some(token(&text).map_err(|error| Failure::Input(format!("PHASESWEEP_TOKEN: {error}")))?),
        (given, _) => given,
    };
    let token = match given {
        Some(token) => token,
        None => random_token()
            .map_err(|error| Failure::Input(format!("/dev/urandom cannot be read ({error}): give a --token")))?,
    };
    let scratch = runs::Scratch::new().map_err(|error| {
        Failure::Input(format!(
            "no scratch folder can be made in {}: {error}; set TMPDIR",
            std::env::temp_dir().display()
        ))
    })?;
    let runs =
        runs::Runs::new(arguments.directories, scratch.path().to_owned(), arguments.renew.max(Duration::from_secs(1)))?;
    let address = SocketAddr::new(arguments.listen, arguments.port);
    let socket = std::net::TcpListener::bind(address).map_err(|error| {
        Failure::Input(format!("{address} cannot be listened on: {error}. --port 0 takes a free port"))
    })?;
    let local = socket.local_addr().map_err(Failure::input)?;
    if !local.ip().is_loopback() {
        tracing::warn!(
            "listening on {}: whoever reaches it and knows the token reads the reports, unencrypted",
            local.ip()
        );
    }
    let mut out = std::io::stdout().lock();
    // Whoever started it in the background and closed its output has the token.
    _ = writeln!(out, "http://{local}/{token}/").and_then(|()| out.flush());
    drop(out);
    server::serve(socket, runs, &token).map_err(|error| Failure::Input(format!("the server failed: {error}")))?;
    Ok(Exit::Complete)
}

/// 128 random bits, as hexadecimal digits.
fn random_token() -> std::io::Result<String> {
    let mut bytes = [0_u8; 16];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
