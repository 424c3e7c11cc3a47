//! Black-box tests of the whole platform. They need the programs and components that
//! `cargo xtask test` builds first.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests state what must hold"
)]

mod backup;
mod body_lengths;
mod bombs;
mod browser;
mod clocks;
mod complete_unanswered;
mod contract;
mod crashes;
mod database_restarted;
mod demo;
mod detectors;
mod direct;
mod drain;
mod edge_killed;
mod floods;
mod forms;
mod full_disk;
mod gate;
mod grants;
mod keys;
mod leaks;
mod limits;
mod load;
mod media;
mod moderation;
mod node_producer;
mod paused;
mod plain_user;
mod pooled;
mod rates;
mod raw;
mod redis;
mod redis_emptied;
mod relay_killed;
mod removal;
mod repeats;
mod rolling;
mod rotation;
mod seen;
mod shared;
mod stack;
mod staging;
mod store_answers;
mod store_faults;
mod tokens;
mod traces;
mod two_redis;
mod uploads;
mod worker_killed;
