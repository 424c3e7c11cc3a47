#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use sluicegate_postgres::maintenance::database_exists;

use super::child::{Place, Running, wait_until};
use super::port::Port;
use crate::notes::skip;

/// Names the program.
const VARIABLE: &str = "SLUICEGATE_PGBOUNCER";
const DEPLOYED: &str = include_str!("../../../../deploy/pgbouncer.ini");

/// Which of several idle server connections a client is lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lends {
    /// The one that was given back last, as `PgBouncer` does unless it is told otherwise.
    TheLast,
    /// The one that has been idle longest.
    ByTurns,
}

/// `PgBouncer` in transaction mode before a Postgres, on loopback. It ends with this value.
pub struct PgBouncer {
    place: Place,
    program: PathBuf,
    port: Port,
    /// `user:password`.
    who: String,
    database: String,
    version: String,
    running: Option<Running>,
}

impl PgBouncer {
    /// Starts one before the database of this URL, with the settings that operators are given (`deploy/pgbouncer.ini`), but
    /// that it keeps so many prepared statements of each server connection: with 0 it mixes them up. It lends its
    /// connections by turns, so that each client soon has had them all. `None`, and a note under the name of the test, where
    /// there is no program.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn before(database_url: &str, statements: u32, test: &str) -> Option<Self> {
        Self::lending(Lends::ByTurns, database_url, statements, test).await
    }

    /// The same; which of its idle connections it lends is chosen.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn lending(
        lends: Lends,
        database_url: &str,
        statements: u32,
        test: &str,
    ) -> Option<Self> {
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
        let port = Port::any();
        let settings = upstream.settings(port.number(), statements, lends);
        place.write("pgbouncer.ini", &settings);
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
            self.who,
            self.port.number(),
            self.database
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

    /// What operators are given, here.
    fn settings(&self, port: u16, statements: u32, lends: Lends) -> String {
        let database = format!("host={} port={}", self.host, self.port);
        let (port, statements) = (port.to_string(), statements.to_string());
        let here = [
            ("sluicegate", "*", &*database),
            ("listen_addr", "listen_addr", "127.0.0.1"),
            ("listen_port", "listen_port", &port),
            ("auth_file", "auth_file", "users"),
            (
                "max_prepared_statements",
                "max_prepared_statements",
                &statements,
            ),
            // A test's server has fewer connections, and other tests beside it.
            ("default_pool_size", "default_pool_size", "10"),
        ];
        let mut settings = String::new();
        let mut replaced = 0;
        for line in DEPLOYED.lines() {
            let name = line.split_once(" = ").map_or("", |(name, _)| name);
            match here.iter().find(|(known, _, _)| *known == name) {
                None => settings.push_str(line),
                Some((_, name, value)) => {
                    replaced += 1;
                    settings.extend([name, " = ", value]);
                }
            }
            settings.push('\n');
        }
        assert_eq!(replaced, here.len(), "deploy/pgbouncer.ini says each");
        if lends == Lends::ByTurns {
            settings.push_str("server_round_robin = 1\n");
        }
        // A server that is back is found within a second, not 15.
        settings.push_str("server_login_retry = 1\n");
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::{Lends, Upstream};

    #[test]
    fn sockets_and_ports_are_found() {
        let socket = Upstream::of("postgres://u:p@%2Fdev%2Fshm%2Fsluicegate%2Dtest%2D1/a%5Fb");
        assert_eq!(socket.host, "/dev/shm/sluicegate-test-1");
        assert_eq!((&*socket.database, &*socket.port), ("a_b", "5432"));
        let port = Upstream::of("postgres://u:p@127.0.0.1:7/x?sslmode=disable");
        assert_eq!((&*port.host, &*port.port), ("127.0.0.1", "7"));
        assert_eq!((&*port.who, &*port.database), ("u:p", "x"));
    }
    #[test]
    fn the_settings_are_those_of_operators_but_for_the_place() {
        let upstream = Upstream::of("postgres://u:p@127.0.0.1:7/x");
        let settings = upstream.settings(9, 0, Lends::TheLast);
        for line in [
            "* = host=127.0.0.1 port=7",
            "listen_port = 9",
            "max_prepared_statements = 0",
            "pool_mode = transaction",
        ] {
            assert!(settings.lines().any(|found| found == line), "{settings}");
        }
        assert!(!settings.contains("round_robin"), "{settings}");
    }
}
