use std::time::Duration;

use sluicegate_core::error::PortError;

/// The service's name in errors.
const SERVICE: &str = "database";

/// Waits for a call, but not longer than `limit`.
pub(crate) async fn bounded<T>(
    limit: Duration,
    call: impl Future<Output = sqlx::Result<T>>,
) -> Result<T, PortError> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result.map_err(port_error),
        Err(_) => Err(PortError::unavailable(
            SERVICE,
            format!("no answer within {limit:?}"),
        )),
    }
}

/// Whether waiting may help decides; see [`is_outage`].
pub(crate) fn port_error(error: sqlx::Error) -> PortError {
    if is_outage(&error) {
        PortError::unavailable(SERVICE, error)
    } else {
        PortError::failed(SERVICE, error)
    }
}

pub(crate) fn migrate_error(error: sqlx::migrate::MigrateError) -> PortError {
    match error {
        sqlx::migrate::MigrateError::Execute(error) => port_error(error),
        other => PortError::failed(SERVICE, other),
    }
}

/// A number that does not fit its column: a fault of ours.
pub(crate) fn encode_error(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Encode(Box::new(error))
}

/// A row that this version cannot read.
pub(crate) fn decode_error(what: &str, value: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("unknown {what}: {value:?}").into())
}

fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_outage_code(&code)),
        _ => false,
    }
}

/// SQLSTATE codes (Postgres manual, appendix A) of what passes by itself.
fn is_outage_code(code: &str) -> bool {
    // Connection exceptions; lack of connections, memory or disk; operator intervention, shutdown and
    // a cancelled statement among them; serialisation failures and deadlocks.
    const CLASSES: [&str; 3] = ["08", "53", "57"];
    const CODES: [&str; 3] = ["40001", "40P01", "55P03"];
    // A primary that became a replica: the next connection goes to the new one.
    const READ_ONLY: &str = "25006";
    CLASSES.iter().any(|class| code.starts_with(class))
        || CODES.contains(&code)
        || code == READ_ONLY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_an_outage() {
        for code in [
            "08006", "53300", "53100", "57P01", "57P03", "57014", "40P01", "25006",
        ] {
            assert!(is_outage_code(code), "{code}");
        }
        for code in ["23505", "42P01", "22001", "26000"] {
            assert!(!is_outage_code(code), "{code}");
        }
        assert!(port_error(sqlx::Error::PoolTimedOut).is_unavailable());
        assert!(!port_error(sqlx::Error::RowNotFound).is_unavailable());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_ends_is_unavailable() {
        let never = std::future::pending::<sqlx::Result<()>>();
        let error = bounded(Duration::from_secs(10), never)
            .await
            .expect_err("must end");
        assert!(error.is_unavailable());
    }
}
