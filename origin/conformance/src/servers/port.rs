#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port of loopback for a server that begins later, or ends and begins again. It is bound as long as this value lives, and not
/// listened on: who asks for any port is given another, and while there is no server, connections are refused. A server
/// may listen beside that if it sets `SO_REUSEADDR`, as servers do.
pub struct Port {
    number: u16,
    _bound: TcpSocket,
}

impl Port {
    /// One that nobody has.
    ///
    /// # Panics
    /// If there is none.
    pub fn any() -> Self {
        Self::of(0)
    }

    /// This one, whose server has ended.
    ///
    /// # Panics
    /// If somebody listens there.
    pub fn of(number: u16) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Connections of the server may still be ending.
        socket.set_reuseaddr(true).expect("can be set");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, number));
        socket.bind(address).expect("a port");
        let bound = socket.local_addr().expect("its address");
        Self {
            number: bound.port(),
            _bound: socket,
        }
    }

    /// This one, unless somebody listens there or keeps it.
    ///
    /// # Panics
    /// If there are no sockets.
    pub(super) fn unless_taken(number: u16) -> Option<Self> {
        let socket = TcpSocket::new_v4().expect("a socket");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, number));
        socket.bind(address).ok()?;
        // From here on a server may listen beside it.
        socket.set_reuseaddr(true).expect("can be set");
        Some(Self {
            number,
            _bound: socket,
        })
    }

    /// What to listen on.
    pub fn number(&self) -> u16 {
        self.number
    }
}
