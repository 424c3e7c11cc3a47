//! `probe <port> <path>`: exits with 0 if GET of that path on this machine is answered with 200. For health checks
//! in images that have neither a shell nor curl. The standard library alone: `rustc -O deploy/probe.rs`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// For connecting, for sending, and for each piece of the answer.
const PATIENCE: Duration = Duration::from_secs(4);
const OK: &[u8] = b"HTTP/1.1 200 ";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, path] = arguments.as_slice() else {
        eprintln!("usage: probe <port> <path>");
        return ExitCode::from(64);
    };
    match probe(port, path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{path} on port {port}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn probe(port: &str, path: &str) -> Result<(), String> {
    let port: u16 = port.parse().map_err(|_| "not a port".to_owned())?;
    let failed = |error: std::io::Error| error.to_string();
    let to = (Ipv4Addr::LOCALHOST, port).into();
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut head = [0; OK.len()];
    stream.read_exact(&mut head).map_err(failed)?;
    if head == *OK {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&head).into_owned())
    }
}
