#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use sluicegate_postgres::maintenance::database_exists;

use super::child::{Place, Running, free_port, wait_until};
use crate::notes::skip;

/// Names the program.
const VARIABLE: &str = "SLUICEGATE_PGBOUNCER";

/// `PgBouncer` in transaction mode before a Postgres, on loopback. It ends with this value.
pub struct PgBouncer {
    place: Place,
    program: PathBuf,
    port: u16,
    /// `user:password`.
    who: String,
    database: String,
    version: String,
    running: Option<Running>,
}

impl PgBouncer {
    /// Starts one before the database of this URL, which keeps so many prepared statements of each server connection:
    /// with 0 it mixes them up. `None`, and a note under the name of the test, where there is no program.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn before(database_url: &str, statements: u32, test: &str) -> Option<Self> {
        let Some(program) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
            skip(test, &format!("{VARIABLE} names no PgBouncer"));
            return None;
        };
        let said = Command::new(&program).arg("--version").output();
        let said = said.expect("it tells its version").stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        let version = said.lines().next().unwrap_or_default().to_owned();
        let upstream = Upstream::of(database_url);
        let place = Place::new();
        // Whoever it runs as need not be able to reach the folder where it was built.
        let own = place.path().join("pgbouncer");
        fs::copy(&program, &own).expect("can be copied");
        fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).expect("can be run");
        let port = free_port();
        place.write("pgbouncer.ini", &upstream.settings(port, statements));
        let (user, password) = upstream.who.split_once(':').expect("user and password");
        place.write("users", &format!("\"{user}\" \"{password}\"\n"));
        let mut pooler = Self {
            place,
            program: own,
            port,
            who: upstream.who,
            database: upstream.database,
            version,
            running: None,
        };
        pooler.start().await;
        Some(pooler)
    }

    /// The database behind it, through it.
    pub fn url(&self) -> String {
        format!(
            "postgres://{}@127.0.0.1:{}/{}?sslmode=disable",
            self.who, self.port, self.database
        )
    }

    /// As it calls itself: `PgBouncer 1.24.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How often clients have logged in, those that were refused among them.
    pub fn logins(&self) -> usize {
        self.place.log().matches("login attempt").count()
    }

    /// Kills it: all connections through it are cut.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.end().await;
        }
    }

    /// Starts it (again), at the same address.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(&mut self) {
        let mut running = self.place.run("KILL", &self.program, &["pgbouncer.ini"]);
        let (url, database) = (self.url(), self.database.clone());
        wait_until(&self.place, &mut running, async || {
            database_exists(&url, &database).await.is_ok()
        })
        .await;
        self.running = Some(running);
    }
}

/// What stands in a URL, as far as `PgBouncer` is told it.
struct Upstream {
    who: String,
    host: String,
    port: String,
    database: String,
}

impl Upstream {
    fn of(url: &str) -> Self {
        let rest = url.split_once("://").expect("a scheme").1;
        let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
        let (who, rest) = rest.rsplit_once('@').expect("a user");
        let (host, database) = rest.rsplit_once('/').expect("a database");
        let (host, port) = host.rsplit_once(':').unwrap_or((host, "5432"));
        Self {
            who: who.to_owned(),
            host: host.replace("%2F", "/").replace("%2D", "-"),
            port: port.to_owned(),
            database: database.replace("%5F", "_"),
        }
    }

    fn settings(&self, port: u16, statements: u32) -> String {
        format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = users\n\
             pool_mode = transaction\nmax_prepared_statements = {statements}\n\
             default_pool_size = 10\nmax_client_conn = 500\nserver_round_robin = 1\n\
             server_login_retry = 1\n",
            self.host, self.port
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Upstream;

    #[test]
    fn sockets_and_ports_are_found() {
        let socket = Upstream::of("postgres://u:p@%2Fdev%2Fshm%2Fsluicegate%2Dtest%2D1/a%5Fb");
        assert_eq!(socket.host, "/dev/shm/sluicegate-test-1");
        assert_eq!((&*socket.database, &*socket.port), ("a_b", "5432"));
        let port = Upstream::of("postgres://u:p@127.0.0.1:7/x?sslmode=disable");
        assert_eq!((&*port.host, &*port.port), ("127.0.0.1", "7"));
        assert_eq!((&*port.who, &*port.database), ("u:p", "x"));
    }
}
