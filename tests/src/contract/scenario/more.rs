//! Other ways to upload, and an account that goes and comes back. They stand behind all other steps: those were
//! recorded before.

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};
use sluicegate_contract::uploads::Ticket;

use super::{PHOTO, Scenario};
use crate::client::{Answer, Client, PASSWORD};
use crate::fixtures;

impl Scenario<'_> {
    /// In a form, and by a client that sends the file to the store itself.
    pub(super) async fn other_uploads(&mut self, credentials: &Value) -> Result<()> {
        self.client = self.client.with_token(None);
        let session = self
            .json("log in", "POST", "/v1/sessions", credentials, 201)
            .await?;
        self.be(&session)?;
        self.form("upload form", "profile_header", 201).await?;

        let photo = fixtures::read(PHOTO)?;
        let wanted = json!({"purpose": "post_header", "content_length": photo.len()});
        let ticket = self
            .json("ticket", "POST", "/v1/upload-tickets", &wanted, 201)
            .await?;
        if let Some(step) = self.steps.last_mut() {
            step.sent = Some(PHOTO.to_owned());
        }
        let ticket: Ticket = serde_json::from_value(ticket)?;
        send(&ticket, photo).await?;
        let complete = format!("/v1/uploads/{}/complete", ticket.id);
        self.call("complete", "POST", &complete, 201).await?;
        Ok(())
    }

    /// An account that goes, and comes back.
    pub(super) async fn deletion(&mut self) -> Result<()> {
        let password = json!({"password": PASSWORD});
        self.json("delete account", "DELETE", "/v1/me", &password, 202)
            .await?;
        self.call("leaving session", "GET", "/v1/me", 401).await?;
        self.client = self.client.with_token(None);
        self.call("leaving profile", "GET", "/v1/profiles/ada", 404)
            .await?;
        let mut credentials = json!({"handle": "ada", "password": PASSWORD});
        self.json("leaving log in", "POST", "/v1/sessions", &credentials, 409)
            .await?;
        if let Some(members) = credentials.as_object_mut() {
            members.insert("restore".to_owned(), true.into());
        }
        let session = self
            .json("restore account", "POST", "/v1/sessions", &credentials, 201)
            .await?;
        self.be(&session)?;
        self.call("restored profile", "GET", "/v1/profiles/ada", 200)
            .await?;
        Ok(())
    }
}

/// What a client does with a ticket.
pub(super) async fn send(ticket: &Ticket, file: Vec<u8>) -> Result<()> {
    let mut request = Client::new("")?.request(Method::PUT, &ticket.put.url);
    for (name, value) in &ticket.put.headers {
        // The HTTP client counts for itself.
        if name != "content-length" {
            request = request.header(name, value);
        }
    }
    let stored = Answer::read(request.body(file).send().await?).await?;
    stored.expect_status(200)
}
