//! Where pictures are held back until they are judged.

use anyhow::Result;
use serde_json::json;

use super::{Scenario, text};

impl Scenario<'_> {
    /// Takes all steps; nobody judges meanwhile.
    pub(super) async fn strict(&mut self) -> Result<()> {
        self.sign_up("grace").await?;
        let upload = self.upload("upload", "avatar", 201).await?;
        let id = text(&upload, "/id")?;
        let preview = text(&upload, "/preview_url")?;
        self.call("preview", "GET", &preview, 200).await?;
        let media = text(&upload, "/url")?;
        self.call("held back", "GET", &media, 404).await?;
        let state = format!("/v1/uploads/{id}");
        self.call("upload state", "GET", &state, 200).await?;
        let avatar = json!({"upload_id": id});
        self.json("set avatar", "PUT", "/v1/me/avatar", &avatar, 200)
            .await?;
        let written = json!({"body": "A picture that nobody else sees yet."});
        self.json("post", "POST", "/v1/posts", &written, 201)
            .await?;
        self.call("own profile", "GET", "/v1/profiles/grace", 200)
            .await?;
        self.client = self.client.with_token(None);
        self.call("profile for others", "GET", "/v1/profiles/grace", 200)
            .await?;
        self.call("posts for others", "GET", "/v1/profiles/grace/posts", 200)
            .await?;
        Ok(())
    }
}
