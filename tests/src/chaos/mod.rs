//! Chaos: several users at work while parts of the platform fail at random, and what is left of it all at the end.
//!
//! A run is bounded in faults and time and follows from its seed, save for the scheduling of the machine. Each fault is
//! injected on the wire or on a process and must be seen to have happened ([`faults`]). What a client was told is there
//! must be there at the end ([`verify`]), and nothing else once it is swept ([`sweep`]).

mod faults;
mod load;
mod random;
mod report;
mod strangers;
mod surroundings;
mod sweep;
mod verify;
mod world;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use load::Load;
use random::Random;
use report::Report;
use world::World;

/// What is run.
pub struct Plan {
    /// How many faults, one after the other.
    pub faults: u32,
    /// What the choices of faults, files and moments follow from.
    pub seed: u64,
    /// A document whose section between the marks is replaced by the report.
    pub report: Option<PathBuf>,
}

/// Runs the plan, prints its report, and fails if something that was acknowledged is not as it should be.
pub async fn run(plan: Plan) -> Result<()> {
    println!(
        "chaos: {} faults, seed {}; starting the platform",
        plan.faults, plan.seed
    );
    let mut random = Random::new(plan.seed);
    let mut world = World::start().await?;
    let load = Load::start(&world, &mut random).await?;
    let mut report = Report::new(&plan);
    for number in 1..=plan.faults {
        let fault = faults::Fault::choose(&mut random, &world);
        let before = load.tally();
        let outcome = faults::inject(fault, &mut world, &load, &mut random).await;
        world.heal().await?;
        report.fault(number, fault, &outcome, &load.tally().since(&before));
    }
    println!("chaos: all faults are over; looking at what was acknowledged");
    let ledger = load.stop().await?;
    let findings = verify::all(&world, &ledger).await?;
    let swept = sweep::drill(&world, &ledger).await?;
    report.end(&ledger, &findings, &swept);
    let text = report.text();
    println!("\n{text}");
    if let Some(path) = &plan.report {
        report::write_into(path, &text)?;
    }
    world.stop().await?;
    let (missed, wrong) = (report.missed(), findings.wrong.len());
    ensure!(wrong == 0, "{wrong} things are not as they should be");
    ensure!(missed == 0, "{missed} faults did not happen");
    Ok(())
}
