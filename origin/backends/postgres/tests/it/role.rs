//! The role that operators' databases belong to, as `deploy/postgres-role` makes it.

use std::path::Path;

use sluicegate_conformance::notes::{RanOn, skip};
use sluicegate_conformance::servers::{PostgresServer, make_database};
use sluicegate_postgres::{migrate, set_role_limits};
use sqlx::{Connection, PgConnection};

#[tokio::test]
async fn the_role_owns_its_database_and_reaches_no_other() {
    let test = "the_role_owns_its_database_and_reaches_no_other";
    let server = PostgresServer::alone().await;
    let url = server.url("sluicegate");
    make_database(url.split('?').next().unwrap()).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../deploy/postgres-role");
    // What would end a text in SQL is part of it.
    let password = [("SLUICEGATE_PASSWORD", "it's one")];
    let Some(made) = server.run_script(&script, "sluicegate", &password) else {
        return skip(test, "no psql");
    };
    let ran = RanOn::begins(&server.version(), "the role of `deploy/postgres-role`");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");

    let (_, place) = url.split_once('@').unwrap();
    let own = format!("postgres://sluicegate:it%27s%20one@{place}");
    migrate(&own).await.unwrap();
    set_role_limits(&own).await.unwrap();
    let mut connection = PgConnection::connect(&own).await.unwrap();
    let rights = "select rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls
        from pg_roles where rolname = current_user";
    let more: bool = sqlx::query_scalar(rights)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(!more, "it may do nothing beyond its database");
    connection.close().await.unwrap();
    for other in ["postgres", "template1"] {
        let other = own.replace("/sluicegate?", &format!("/{other}?"));
        let refused = PgConnection::connect(&other).await.unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{refused}");
    }
    ran.passed();
}
