//! What is wrong with the machine: its disk, its clock.

use anyhow::{Context, Result, ensure};

use super::load::Load;
use super::random::Random;
use super::world::{FAULT_LIMIT, World};
use crate::client::Client;
use crate::clock::{environment, faketime};
use crate::fixtures;
use crate::platform::STOP_LIMIT;
use crate::wait::wait_for;

/// Seconds that a clock is off.
const OFF: i64 = 120;
/// Between two questions.
const NEAR: i64 = 20;
const NO_ROOM: &str = "The store takes no more uploads.";
const DAY: i64 = 24 * 60 * 60;

/// No room at the store, until an upload was refused for it.
pub async fn disk_full(world: &World, load: &Load, random: &mut Random) -> Result<()> {
    let disk = world.disk.as_ref().context("a disk of its own")?;
    let mut number = random.number();
    wait_for("an upload that finds no room", FAULT_LIMIT, async || {
        // What is deleted meanwhile makes room again.
        let ballast = disk.fill()?;
        number = number.wrapping_add(1);
        let picture = fixtures::noise(number, false)?;
        let answer = load.bystander.upload("avatar", picture).await?;
        drop(ballast);
        // Not any 503: what the edge says when the store has no room.
        let refused = answer.status == 503 && answer.text().contains(NO_ROOM);
        Ok(refused.then_some(()))
    })
    .await
}

/// An edge starts with a clock that is ahead or behind, and goes on with it until it is killed.
pub async fn clock_off(world: &mut World, random: &mut Random) -> Result<()> {
    let library = faketime().context("faketime")?;
    let off = if random.once_in(2) { OFF } else { -OFF };
    let edge = world.edge.take().context("the edge runs")?;
    edge.stop(STOP_LIMIT).await?;
    let told = format!("{off:+}");
    let clock = environment(&library, &[("FAKETIME", &told)]);
    world.edge = Some(world.start_edge(clock).await?);
    let here = time_of_day(&world.client()?).await?;
    let there = time_of_day(&Client::new(&world.store.url)?).await?;
    let between = (here - there - off).rem_euclid(DAY);
    ensure!(
        between.min(DAY - between) < NEAR,
        "the edge says {here}, the store {there}, in seconds of the day"
    );
    Ok(())
}

/// By the date of an answer (RFC 9110, section 5.6.7), in seconds.
async fn time_of_day(client: &Client) -> Result<i64> {
    let answer = client.get("/healthz").await?;
    let date = answer.header("date");
    let time = date.split(' ').nth(4).context("a date")?;
    time.split(':')
        .try_fold(0, |sum, part| Ok(sum * 60 + part.parse::<i64>()?))
}
