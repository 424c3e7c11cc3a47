use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::{Service, Stop};

const TIME: Duration = Duration::from_secs(5);

/// This port of the loopback, or a free one if somebody has it.
pub(crate) fn port_near(preferred: u16) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", preferred))
        .or_else(|_| TcpListener::bind(("127.0.0.1", 0)))?;
    Ok(listener.local_addr()?.port())
}

/// Waits until `GET path` answers 200 there.
pub(crate) fn wait_for_ok(
    stop: &Stop,
    service: &mut Service,
    port: u16,
    path: &str,
    patience: Duration,
) -> Result<()> {
    let deadline = Instant::now() + patience;
    let mut last = None;
    while Instant::now() < deadline {
        service.must_run()?;
        last = status(port, path).ok();
        if last == Some(200) {
            return Ok(());
        }
        stop.pause()?;
    }
    match last {
        Some(status) => bail!("http://127.0.0.1:{port}{path} answers {status} and not 200"),
        None => bail!("nothing answers at http://127.0.0.1:{port}{path}"),
    }
}

/// The status code of `GET path`.
fn status(port: u16, path: &str) -> Result<u16> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, TIME)?;
    stream.set_read_timeout(Some(TIME))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut head = String::new();
    stream.take(64).read_to_string(&mut head)?;
    match head.split(' ').nth(1).and_then(|code| code.parse().ok()) {
        Some(code) => Ok(code),
        None => bail!("no HTTP answer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_replaced() {
        let holder = TcpListener::bind(("127.0.0.1", 0)).expect("binds");
        let taken = holder.local_addr().expect("has one").port();
        assert_ne!(port_near(taken).expect("finds one"), taken);
    }

    #[test]
    fn the_status_is_read() {
        let server = TcpListener::bind(("127.0.0.1", 0)).expect("binds");
        let port = server.local_addr().expect("has one").port();
        let answer = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().expect("accepts");
            let mut request = [0; 512];
            let _ = stream.read(&mut request).expect("reads");
            stream.write_all(
                b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n............",
            )
        });
        assert_eq!(status(port, "/readyz").expect("answers"), 503);
        answer.join().expect("ends").expect("writes");
    }
}
