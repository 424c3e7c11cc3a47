//! An account that has as many tickets as it may have, and a store that has no room for more.

use anyhow::Result;
use serde_json::json;

use super::Scenario;

/// How many tickets may be open; fewer than by default, so that not as many steps lead there.
pub(in crate::contract) const OPEN_TICKETS: &str = "2";
/// The least that can be set. Clients' own tickets are promised half of it.
pub(in crate::contract) const STAGING_BUDGET: &str = "10485760";
/// More than that half.
const TOO_MUCH: u32 = 6_000_000;

impl Scenario<'_> {
    /// Takes all steps.
    pub(super) async fn quotas(&mut self) -> Result<()> {
        self.sign_up("dorothy").await?;
        self.ticket("first ticket", 1_000, 201).await?;
        self.ticket("store is full", TOO_MUCH, 503).await?;
        self.ticket("last ticket", 1_000, 201).await?;
        self.ticket("one ticket more", 1_000, 429).await?;
        self.upload("one upload more", "avatar", 429).await?;
        Ok(())
    }

    async fn ticket(&mut self, name: &str, length: u32, status: u16) -> Result<()> {
        let wanted = json!({"purpose": "avatar", "content_length": length});
        self.json(name, "POST", "/v1/upload-tickets", &wanted, status)
            .await?;
        Ok(())
    }
}
