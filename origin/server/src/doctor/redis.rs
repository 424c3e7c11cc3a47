use std::sync::Arc;
use std::time::Duration;

use sluicegate_bullmq::{Bull, ServerFacts};
use sluicegate_contract::ids::{AccountId, PostId};
use sluicegate_core::error::PortError;
use sluicegate_core::ports::{Found, PublicCache, RequestLimiter};
use sluicegate_core::public::{Change, Item};
use sluicegate_core::rate::Rate;
use sluicegate_local::system_env;
use sluicegate_redis::{Patience, RedisCache, RedisLimiter, Shared};

use super::{Finding, State};
use crate::queue::CALL;
use crate::settings::{PublicCaching, Settings};

const WHAT: &str = "job queue";

/// What it is used for.
pub(super) async fn look(settings: &Settings) -> Vec<Finding> {
    let mut findings = queue(settings).await;
    findings.push(shared(settings).await);
    findings
}

/// What origins share; nothing without a Redis.
async fn shared(settings: &Settings) -> Finding {
    const WHAT: &str = "limits and caches";
    let Some(address) = &settings.shared else {
        return Finding::new(WHAT, "each process", State::ok("ok"));
    };
    let patience = Patience {
        call: CALL,
        ..Patience::default()
    };
    let redis = Arc::new(Shared::new(address.clone(), patience));
    let state = match try_out(&redis, settings.cache).await {
        Ok(()) => State::ok("ok"),
        Err(error) => State::Wrong(
            format!("{error}; each process counts requests for itself, and nothing is cached"),
            "start it, give it room or the rights it lacks, or check REDIS_CACHE_URL and REDIS_URL: docs/operations/redis.md",
        ),
    };
    Finding::new(WHAT, address.to_string(), state)
}

/// One of all that is asked of it, on keys that nobody else has: one that is full, or that grants too little, answers pings.
/// Where nothing is cached there it needs no right for that.
async fn try_out(redis: &Arc<Shared>, caching: PublicCaching) -> Result<(), PortError> {
    let env = system_env();
    let id = PostId(env.new_id());
    let limiter = RedisLimiter::new(Arc::clone(redis));
    let rate = Rate::new(1, Duration::from_secs(1));
    limiter.admit(&format!("doctor:{id}"), &rate).await?;
    if caching != PublicCaching::Shared {
        return Ok(());
    }
    let cache = RedisCache::new(Arc::clone(redis), env, Duration::ZERO);
    let item = Item::post("doctor", id);
    if let Found::Missing(Some(versions)) = cache.get(&item).await? {
        let nobody = Some(AccountId(id.0));
        cache.put(&item, &versions, nobody, b"{}").await?;
    }
    cache.forget(Change::Post(id)).await
}

/// Each server that `REDIS_URL` names; without it jobs are in the table alone.
async fn queue(settings: &Settings) -> Vec<Finding> {
    let Some(address) = &settings.redis else {
        return vec![Finding::new(WHAT, "the database", State::ok("ok"))];
    };
    let place = address.to_string();
    let bull = Bull::new(address.clone(), CALL);
    match bull.inspect().await {
        Ok(servers) => servers
            .iter()
            .map(|server| Finding::new(WHAT, &place, judge(server, &bull)))
            .collect(),
        Err(error) => {
            let found = format!("{error}; jobs wait in the database until it is back");
            let advice = "start it, or check REDIS_URL: docs/operations/redis.md";
            vec![Finding::new(WHAT, place, State::Wrong(found, advice))]
        }
    }
}

fn judge(server: &ServerFacts, bull: &Bull) -> State {
    if let Err(error) = server.check() {
        return State::Wrong(error.to_string(), "docs/operations/redis.md");
    }
    if !server.append_only {
        return State::Note(
            format!("ok, Redis {}, without an append-only file", server.version),
            "set `appendonly yes`, or jobs come late after each restart of it",
        );
    }
    let keys = if bull.address().is_cluster() {
        format!("; keys begin with {}", bull.prefix())
    } else {
        String::new()
    };
    State::ok(format!("ok, Redis {}{keys}", server.version))
}

#[cfg(test)]
mod tests {
    use sluicegate_conformance::notes::RanOn;
    use sluicegate_conformance::servers::RedisServer;
    use sluicegate_redis_address::RedisAddress;

    use super::*;

    #[tokio::test]
    async fn one_that_answers_pings_and_does_nothing_else_is_told() {
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        let Some(redis) = RedisServer::start(&[], &name).await else {
            return;
        };
        let ran = RanOn::begins(&redis.version(), "what the doctor finds");
        let address = RedisAddress::parse(&redis.url(), None).unwrap();
        let patience = Patience {
            call: CALL,
            ..Patience::default()
        };
        let found_with = async |caching| {
            let redis = Arc::new(Shared::new(address.clone(), patience));
            try_out(&redis, caching).await
        };
        let found = async || found_with(PublicCaching::Shared).await;
        let told = |command: &str| {
            let words: Vec<&str> = command.split(' ').collect();
            assert_eq!(redis.ask(&words), "OK", "{command}");
        };
        found().await.unwrap();
        // Of several commands at once it is said in other words.
        let refusals = &["no permissions", "can't run this command"][..];
        for (harm, cure, what) in [
            (
                "CONFIG SET maxmemory 1",
                "CONFIG SET maxmemory 0",
                &["OOM"][..],
            ),
            ("-evalsha", "+evalsha", refusals),
            ("-mget", "+mget", refusals),
            ("-set", "+set", refusals),
            ("-del", "+del", refusals),
        ] {
            let command = |rule: &str| {
                let is_right = rule.starts_with(['+', '-']);
                let before = if is_right { "ACL SETUSER default " } else { "" };
                format!("{before}{rule}")
            };
            told(&command(harm));
            let error = found().await.unwrap_err().to_string();
            let is_told = what.iter().any(|what| error.contains(what));
            assert!(is_told, "{harm}: {error}");
            if ["-mget", "-del"].contains(&harm) {
                found_with(PublicCaching::Off).await.unwrap();
            }
            told(&command(cure));
        }
        found().await.unwrap();
        ran.passed();
    }

    #[test]
    fn what_drops_jobs_is_wrong_and_what_delays_them_is_noted() {
        let address = RedisAddress::parse("redis://a:1,redis://b:1", None).unwrap();
        let bull = Bull::new(address, CALL);
        let server = |policy: &str, append_only| ServerFacts {
            version: "7.0.15".to_owned(),
            policy: policy.to_owned(),
            max_memory: 0,
            append_only,
        };
        let evicts = judge(&server("allkeys-lru", true), &bull);
        assert!(matches!(evicts, State::Wrong(found, _) if found.contains("allkeys-lru")));
        assert!(matches!(
            judge(&server("noeviction", false), &bull),
            State::Note(..)
        ));
        let fit = judge(&server("noeviction", true), &bull);
        assert!(matches!(fit, State::Ok(found) if found.contains("{bull}")));
    }
}
