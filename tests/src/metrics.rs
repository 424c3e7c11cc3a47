//! What a program exports to Prometheus.

use anyhow::{Context, Result};

use crate::client::Client;
use crate::process::Program;

/// One scrape.
pub struct Metrics(String);

impl Metrics {
    /// Asks a program, where it says that its metrics are.
    pub async fn of(program: &Program) -> Result<Self> {
        let mut lines = program.output().into_iter();
        let url = lines.find_map(|line| line.strip_prefix("metrics on ").map(str::to_owned));
        let url = url.context("it says where its metrics are")?;
        let answer = Client::new(url.trim_end_matches("/metrics"))?
            .get("/metrics")
            .await?;
        answer.expect_status(200)?;
        Ok(Self(answer.text()))
    }

    /// The sum of all samples of that name with these labels; 0 if there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: Vec<_> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{value}\""))
            .collect();
        let samples = self.0.lines().filter_map(|line| line.rsplit_once(' '));
        samples
            .filter(|(series, _)| {
                let (is, labels) = series.split_once('{').unwrap_or((series, ""));
                let labels: Vec<_> = labels.trim_end_matches('}').split(',').collect();
                is == name && wanted.iter().all(|label| labels.contains(&label.as_str()))
            })
            .filter_map(|(_, value)| value.parse::<f64>().ok())
            .sum()
    }
}
