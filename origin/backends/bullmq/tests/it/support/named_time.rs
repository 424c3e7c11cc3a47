use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sluicegate_bullmq::{Bull, BullSettings, Relay};
use sluicegate_conformance::fair::{Begins, LEASE};
use sluicegate_contract::ids::JobId;
use sluicegate_contract::time::Timestamp;
use sluicegate_core::env::{Clock, Env};
use sluicegate_core::fair::{Ahead, Bounds, Rates};
use sluicegate_core::job::LeasedJob;
use sluicegate_core::ports::{Delivered, Delivery, DeliveryRequest, JobQueue, JobRelay};

use super::{World, quick};

/// A time that the test names.
struct Named(Mutex<Timestamp>);

impl Clock for Named {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Jobs begin by our relay, in the order in which Redis would deliver them.
pub(crate) struct ByRedis {
    bull: Arc<Bull>,
    world: World,
    clock: Arc<Named>,
}

impl ByRedis {
    pub(crate) fn new(bull: Arc<Bull>, world: World) -> Self {
        Self {
            bull,
            clock: Arc::new(Named(Mutex::new(world.env.now()))),
            world,
        }
    }

    fn relay(&self, settings: BullSettings) -> Relay {
        let env = Env {
            clock: self.clock.clone(),
            entropy: self.world.env.entropy.clone(),
        };
        let (rows, waker): (Arc<dyn JobRelay>, _) =
            (self.world.rows.clone(), self.world.waker.clone());
        Relay::new(self.bull.clone(), rows, env, waker, settings)
    }
}

#[async_trait]
impl Begins for ByRedis {
    fn jobs(&self) -> &Arc<dyn JobQueue> {
        &self.world.queue
    }

    async fn begin(
        &self,
        queue: &'static str,
        limit: u32,
        bounds: Bounds,
        now: Timestamp,
    ) -> Vec<LeasedJob> {
        *self.clock.0.lock().unwrap() = now;
        let settings = BullSettings {
            batch: limit,
            ahead: Ahead::UNBOUNDED,
            rates: Rates::new([(queue, bounds.rate)]),
            ..quick()
        };
        self.relay(settings).relay_once(queue).await.unwrap();
        let there = super::queue(&self.bull, queue).await;
        let mut begun = Vec::new();
        for job in there.get_waiting(0, -1).await.unwrap() {
            let request = DeliveryRequest {
                job: job.id().parse::<JobId>().unwrap(),
                queue,
                worker: "suite",
                lease: LEASE,
                delivery: Delivery::Attempt,
                bounds,
            };
            // Several may look at once: one of them has it.
            if let Delivered::Leased(leased) = self.world.rows.lease(&request, now).await.unwrap() {
                begun.push(*leased);
                there.remove(job.id()).await.unwrap();
            }
        }
        begun
    }
}
