//! Posts: written, and read.

use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::{Bench, Thing};
use crate::http::Ask;
use crate::load::{Run, run};
use crate::report::number;

const POSTS_AT_ONCE: usize = 16;
const READS_AT_ONCE: usize = 32;

impl Bench {
    /// Posts through the edge, with the workers at work.
    pub(super) async fn posts(&mut self, total: usize) -> Result<()> {
        println!("{total} posts …");
        let (sent, waiting) = self.watched(self.write(total), Thing::PostJobs).await?;
        let late = self.until_none(Thing::PostJobs).await?;
        self.row(
            "posts",
            format!("{}/s", number(sent.per_second())),
            format!(
                "p95 {} ms, {POSTS_AT_ONCE} at once; judged meanwhile: at most {} jobs waited, none {} ms after the last",
                sent.percentile(95).as_millis(),
                waiting.iter().max().unwrap_or(&0),
                late.as_millis(),
            ),
        );
        Ok(())
    }

    /// Posts through the edge.
    pub(super) async fn write(&self, total: usize) -> Result<Run> {
        let (client, tokens) = (self.client.clone(), Arc::clone(&self.tokens));
        let url = format!("{}/v1/posts", self.platform.edge_url);
        run(total, POSTS_AT_ONCE, move |number| {
            let (client, tokens, url) = (client.clone(), Arc::clone(&tokens), url.clone());
            async move {
                let token = tokens.get(number % tokens.len()).context("a token")?;
                let body = Bytes::from(json!({"body": text(number)}).to_string());
                client
                    .drain(Ask::post(&url, token, body), StatusCode::CREATED)
                    .await
            }
        })
        .await
    }

    /// The list of newest posts, at the origin and through the edge.
    pub(super) async fn reads(&mut self, total: usize) -> Result<()> {
        for (name, base) in [
            ("feed reads at the origin", self.platform.origin_url.clone()),
            (
                "feed reads through the edge",
                self.platform.edge_url.clone(),
            ),
        ] {
            println!("{total} {name} …");
            let (client, tokens) = (self.client.clone(), Arc::clone(&self.tokens));
            let url = format!("{base}/v1/posts?limit=20");
            let read = run(total, READS_AT_ONCE, move |number| {
                let (client, tokens, url) = (client.clone(), Arc::clone(&tokens), url.clone());
                async move {
                    let token = tokens.get(number % tokens.len()).map(String::as_str);
                    let ask = Ask {
                        token,
                        ..Ask::get(&url)
                    };
                    client.drain(ask, StatusCode::OK).await
                }
            })
            .await?;
            let more = format!(
                "p95 {} ms, {READS_AT_ONCE} at once, 20 posts each",
                read.percentile(95).as_millis()
            );
            self.row(name, format!("{}/s", number(read.per_second())), more);
        }
        Ok(())
    }
}

/// Words that no two posts have in common, so that none is a near duplicate of another.
fn text(number: usize) -> String {
    let mut state = u64::try_from(number).unwrap_or_default().wrapping_add(1);
    let words: Vec<String> = (0..24)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            format!("{:06x}", state >> 40)
        })
        .collect();
    words.join(" ")
}
