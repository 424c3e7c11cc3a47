//! A profile that changes, and its owner on a device that is known.

use anyhow::Result;
use serde_json::json;

use super::{Scenario, text};
use crate::client::PASSWORD;

impl Scenario<'_> {
    /// Takes all steps.
    pub(super) async fn profile(&mut self) -> Result<()> {
        let session = self.sign_up("annie").await?;
        let name = json!({"display_name": "Annie E."});
        self.json("new name", "PATCH", "/v1/me", &name, 200).await?;
        let bio = json!({"bio": "Opens and closes gates."});
        self.json("new bio", "PATCH", "/v1/me", &bio, 200).await?;
        let none = json!({"display_name": ""});
        self.json("no name", "PATCH", "/v1/me", &none, 400).await?;

        for (purpose, words, target) in [
            ("avatar", "avatar", "/v1/me/avatar"),
            ("profile_header", "header", "/v1/me/profile-header"),
        ] {
            let upload = self
                .upload(&format!("upload {words}"), purpose, 201)
                .await?;
            self.picture(&upload).await?;
            let picture = json!({"upload_id": text(&upload, "/id")?});
            self.json(&format!("set {words}"), "PUT", target, &picture, 200)
                .await?;
        }
        self.call("clear avatar", "DELETE", "/v1/me/avatar", 200)
            .await?;
        self.call("clear header", "DELETE", "/v1/me/profile-header", 200)
            .await?;
        self.call("own account", "GET", "/v1/me", 200).await?;

        let known = json!({
            "handle": "annie",
            "password": PASSWORD,
            "device_token": text(&session, "/device_token")?,
        });
        self.client = self.client.with_token(None);
        self.json("known device", "POST", "/v1/sessions", &known, 201)
            .await?;
        Ok(())
    }
}
