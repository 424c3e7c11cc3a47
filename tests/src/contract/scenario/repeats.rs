//! Uploads that are named by an `Idempotency-Key`, and such whose digest is declared.

use anyhow::Result;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluicegate_contract::uploads::Ticket;

use super::more::send;
use super::{PHOTO, Scenario};
use crate::fixtures;

/// A file that is not the one of all other uploads.
const OTHER: &str = "photo.jpg";
const KEY: (&str, &str) = ("idempotency-key", "recorded-key-1");
/// The key of what the client begins to send to the store itself.
const DIRECT_KEY: (&str, &str) = ("idempotency-key", "recorded-key-2");

impl Scenario<'_> {
    /// Takes all steps.
    pub(super) async fn repeats(&mut self) -> Result<()> {
        self.sign_up("katherine").await?;
        let first = self.file("avatar", &[KEY]);
        let upload = self.ask("named upload", first.clone(), 201).await?;
        self.picture(&upload).await?;
        self.ask("repeated upload", first.clone(), 201).await?;
        let mut other = first;
        other.file = Some(OTHER.to_owned());
        self.ask("key of another file", other, 422).await?;

        self.beside_a_ticket().await?;
        self.digests().await
    }

    /// The client has a ticket of its own, and sends the same file through the edge as well.
    async fn beside_a_ticket(&mut self) -> Result<()> {
        let photo = fixtures::read(PHOTO)?;
        let wanted = json!({"purpose": "post_header", "content_length": photo.len()});
        let through_the_edge = self.file("post_header", &[DIRECT_KEY]);
        self.named_ticket("named ticket", &wanted, 201).await?;
        self.ask("upload under way", through_the_edge.clone(), 409)
            .await?;
        let ticket = self.named_ticket("repeated ticket", &wanted, 201).await?;
        if let Some(step) = self.steps.last_mut() {
            step.sent = Some(PHOTO.to_owned());
        }
        let ticket: Ticket = serde_json::from_value(ticket)?;
        send(&ticket, photo).await?;
        self.named_ticket("ticket of a stored file", &wanted, 409)
            .await?;
        self.ask("upload of a stored file", through_the_edge, 201)
            .await?;
        Ok(())
    }

    async fn named_ticket(&mut self, name: &str, wanted: &Value, status: u16) -> Result<Value> {
        let headers = [("content-type", "application/json"), DIRECT_KEY];
        let mut request = self.request("POST", "/v1/upload-tickets", &headers);
        request.json = wanted.clone();
        self.ask(name, request, status).await
    }

    /// The file has the digest that is declared, and then another.
    async fn digests(&mut self) -> Result<()> {
        let right = repr_digest(PHOTO)?;
        let right = self.file("avatar", &[("repr-digest", &right)]);
        self.ask("right digest", right, 201).await?;
        let wrong = repr_digest(OTHER)?;
        let wrong = self.file("avatar", &[("repr-digest", &wrong)]);
        self.ask("wrong digest", wrong, 400).await?;
        Ok(())
    }
}

fn repr_digest(file: &str) -> Result<String> {
    let digest = BASE64_STANDARD.encode(Sha256::digest(fixtures::read(file)?));
    Ok(format!("sha-256=:{digest}:"))
}
