//! Posts that are more than a page, one of them with a picture.

use anyhow::Result;
use serde_json::json;

use super::{Scenario, text};

impl Scenario<'_> {
    /// Takes all steps.
    pub(super) async fn pages(&mut self) -> Result<()> {
        self.sign_up("margaret").await?;
        let upload = self.upload("upload", "post_header", 201).await?;
        self.picture(&upload).await?;
        let id = text(&upload, "/id")?;
        let written = json!({"body": "A gate, as seen from both sides.", "header_upload_id": id});
        self.json("post with picture", "POST", "/v1/posts", &written, 201)
            .await?;
        let written = json!({"body": "And one without."});
        self.json("another post", "POST", "/v1/posts", &written, 201)
            .await?;
        let posts = "/v1/profiles/margaret/posts?limit=1";
        let page = self.call("first page", "GET", posts, 200).await?;
        let next = format!("{posts}&cursor={}", text(&page, "/next")?);
        self.call("last page", "GET", &next, 200).await?;
        Ok(())
    }
}
