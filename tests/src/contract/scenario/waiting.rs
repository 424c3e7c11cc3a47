//! Somebody who waits for an upload: by asking again, by a long poll, and by its events.

use anyhow::Result;
use serde_json::json;

use super::{Scenario, text};

impl Scenario<'_> {
    /// Takes all steps. Whatever is waited for is settled or does not come, so nothing depends on who is first.
    pub(super) async fn waiting(&mut self) -> Result<()> {
        self.sign_up("mary").await?;
        let upload = self.upload("upload", "avatar", 201).await?;
        self.picture(&upload).await?;
        let state = format!("/v1/uploads/{}", text(&upload, "/id")?);
        self.call("wait for nothing", "GET", &format!("{state}?wait=20"), 200)
            .await?;
        let events = format!("{state}/events");
        self.call("events", "GET", &events, 200).await?;
        // A revision that it will never have.
        let seen = self.request("GET", &events, &[("last-event-id", "1000")]);
        self.ask("no newer events", seen, 200).await?;

        let wanted = json!({"purpose": "avatar", "content_length": 1_000});
        let ticket = self
            .json("ticket", "POST", "/v1/upload-tickets", &wanted, 201)
            .await?;
        let state = format!("/v1/uploads/{}", text(&ticket, "/id")?);
        self.call("wait in vain", "GET", &format!("{state}?wait=1"), 200)
            .await?;
        // Revisions count from 1.
        let known = self.request("GET", &state, &[("if-none-match", "\"1\"")]);
        self.ask("known state", known, 304).await?;
        self.call("give ticket back", "DELETE", &state, 204).await?;
        self.call("events of nothing", "GET", &format!("{state}/events"), 200)
            .await?;
        Ok(())
    }
}
