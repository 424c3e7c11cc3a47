use std::sync::Arc;

use async_trait::async_trait;
use redis::Script;
use sluicegate_core::error::PortError;
use sluicegate_core::ports::RequestLimiter;
use sluicegate_core::rate::{Rate, Standing};

use crate::shared::Shared;

/// Of all our keys here.
const PREFIX: &str = "sluicegate:limit:";

/// `Rate::admit` in one step, by Redis' own clock: those of the origins differ, and by each of them somebody's bucket would
/// be full at another time. Microseconds of this century are exact in Lua's numbers.
const ADMIT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window, share = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = tonumber(redis.call('GET', KEYS[1]) or now)
full_at = math.min(math.max(full_at, now), now + window)
local used = full_at + share - now
if used > window then
    return {0, used - window}
end
redis.call('SET', KEYS[1], string.format('%.0f', full_at + share), 'PX', math.ceil(used / 1000))
return {1, math.floor((window - used) / share)}
";

/// Counts requests for all processes that are told of the same Redis.
pub struct RedisLimiter {
    redis: Arc<Shared>,
    admit: Script,
}

impl RedisLimiter {
    /// On this server or cluster.
    pub fn new(redis: Arc<Shared>) -> Self {
        Self {
            redis,
            admit: Script::new(ADMIT),
        }
    }
}

#[async_trait]
impl RequestLimiter for RedisLimiter {
    async fn admit(&self, key: &str, rate: &Rate) -> Result<Standing, PortError> {
        let mut call = self.admit.key(format!("{PREFIX}{key}"));
        call.arg(rate.window_us()).arg(rate.share_us());
        let (admitted, number): (bool, i64) = self
            .redis
            .call(|mut connection| async move { call.invoke_async(&mut connection).await })
            .await?;
        Ok(if admitted {
            Standing::admitted(number)
        } else {
            Standing::refused(number)
        })
    }
}
