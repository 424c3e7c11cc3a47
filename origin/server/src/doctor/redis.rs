use sluicegate_bullmq::{Bull, RedisAddress, ServerFacts};

use super::{Finding, State};
use crate::queue::CALL;
use crate::settings::Settings;

const WHAT: &str = "job queue";

/// Each server that `REDIS_URL` names; without it jobs are in the table alone.
pub(super) async fn look(settings: &Settings) -> Vec<Finding> {
    let Some(address) = &settings.redis else {
        return vec![Finding::new(WHAT, "the database", State::ok("ok"))];
    };
    let place = address.to_string();
    match Bull::new(address.clone(), CALL).inspect().await {
        Ok(servers) => servers
            .iter()
            .map(|server| Finding::new(WHAT, &place, judge(server, address)))
            .collect(),
        Err(error) => {
            let found = format!("{error}; jobs wait in the database until it is back");
            let advice = "start it, or check REDIS_URL: docs/operations/redis.md";
            vec![Finding::new(WHAT, place, State::Wrong(found, advice))]
        }
    }
}

fn judge(server: &ServerFacts, address: &RedisAddress) -> State {
    if let Err(error) = server.check() {
        return State::Wrong(error.to_string(), "docs/operations/redis.md");
    }
    if !server.append_only {
        return State::Note(
            format!("ok, Redis {}, without an append-only file", server.version),
            "set `appendonly yes`, or jobs come late after each restart of it",
        );
    }
    let keys = if address.is_cluster() {
        format!("; keys begin with {}", address.prefix())
    } else {
        String::new()
    };
    State::ok(format!("ok, Redis {}{keys}", server.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drops_jobs_is_wrong_and_what_delays_them_is_noted() {
        let address = RedisAddress::parse("redis://a:1,redis://b:1", None).unwrap();
        let server = |policy: &str, append_only| ServerFacts {
            version: "7.0.15".to_owned(),
            policy: policy.to_owned(),
            max_memory: 0,
            append_only,
        };
        let evicts = judge(&server("allkeys-lru", true), &address);
        assert!(matches!(evicts, State::Wrong(found, _) if found.contains("allkeys-lru")));
        assert!(matches!(
            judge(&server("noeviction", false), &address),
            State::Note(..)
        ));
        let fit = judge(&server("noeviction", true), &address);
        assert!(matches!(fit, State::Ok(found) if found.contains("{bull}")));
    }
}
