use futures_util::future::join_all;
use sluicegate_core::error::PortError;
use sluicegate_core::moderation::ImageGate;
use sluicegate_local::{TraceCollector, http_client, system_env};
use sluicegate_otlp::Collector;

use super::{Finding, State};
use crate::compose;
use crate::settings::{ModerationSettings, Secret, Settings, TraceSettings, without_password};

const DETECTOR: &str = "picture detector";

/// A detector or model that is down delays verdicts; it stops nothing.
pub(super) async fn detectors(settings: &Settings) -> Vec<Finding> {
    let services = &settings.moderation.image_services;
    if services.is_empty() {
        let state = State::Note(
            unjudged(settings).to_owned(),
            "set MODERATION_IMAGE_SERVICE_URL",
        );
        return vec![Finding::new(DETECTOR, "none", state)];
    }
    join_all(services.iter().map(|url| detector(settings, url))).await
}

/// One of them.
async fn detector(settings: &Settings, url: &Secret) -> Finding {
    let alone = ModerationSettings {
        image_services: vec![url.clone()],
        ..settings.moderation.clone()
    };
    let state = match compose::detector(&alone, &system_env()) {
        Err(error) => State::Wrong(format!("{error:#}"), "check MODERATION_IMAGE_SERVICE_URL"),
        Ok(detector) => reached(
            detector.ping().await,
            "start it, or check MODERATION_IMAGE_SERVICE_URL: docs/operations/detector.md",
        ),
    };
    Finding::new(DETECTOR, without_password(url.expose()), state)
}

fn unjudged(settings: &Settings) -> &'static str {
    match settings.moderation.image_gate {
        ImageGate::Open => "pictures stay unreviewed",
        ImageGate::Strict => {
            "pictures stay unreviewed, and the strict gate shows them to nobody but owners and reviewers"
        }
    }
}

/// One that is down delays purges; the jobs wait for it.
pub(super) async fn purge_hook(settings: &Settings) -> Finding {
    let place = settings.purge.as_ref();
    let place = place.map(|purge| without_password(purge.url.expose()));
    let state = match (&place, compose::purge_hook(settings.purge.as_ref())) {
        (None, _) => State::Note(
            "caches keep removed pictures as long as they may".to_owned(),
            "set PURGE_HOOK_URL if shared caches stand before the edges",
        ),
        (_, Err(error)) => State::Wrong(
            format!("{error:#}"),
            "check PURGE_HOOK_URL and PURGE_HOOK_KEY",
        ),
        (_, Ok(hook)) => match hook.ping().await {
            Ok(()) => State::ok("ok"),
            Err(error) => State::Note(
                format!("down ({error}); purges wait until it is back"),
                "start it, or check PURGE_HOOK_URL",
            ),
        },
    };
    Finding::new("purge hook", place.unwrap_or("none".to_owned()), state)
}

pub(super) async fn text_model(settings: &Settings) -> Finding {
    let place = settings.moderation.model.as_ref();
    let place = place.map(|model| without_password(model.url.expose()));
    let state = match (
        &place,
        compose::text_model(&settings.moderation, &system_env()),
    ) {
        (None, _) => State::Note(
            "rules and duplicates alone".to_owned(),
            "set MODERATION_MODEL_URL and MODERATION_MODEL if that is not enough",
        ),
        (_, Err(error)) => State::Wrong(format!("{error:#}"), "check MODERATION_MODEL_URL"),
        (_, Ok(model)) => reached(
            model.ping().await,
            "start it, or check MODERATION_MODEL_URL: docs/operations/text-model.md",
        ),
    };
    Finding::new("text model", place.unwrap_or("none".to_owned()), state)
}

fn reached(ping: Result<(), PortError>, advice: &'static str) -> State {
    match ping {
        Ok(()) => State::ok("ok"),
        Err(error) => State::Note(
            format!("down ({error}); verdicts wait until it is back"),
            advice,
        ),
    }
}

pub(super) fn policy(settings: &Settings) -> Finding {
    let place = settings.moderation.policy_file.as_ref();
    let place = place.map_or("built in".to_owned(), |path| path.display().to_string());
    // They were read with the settings.
    Finding::new("rules for posts", place, State::ok("ok"))
}

/// The collector of traces, if there is one: it is sent nothing, in the form of spans.
pub(super) async fn collector(settings: &Settings) -> Option<Finding> {
    let traces = settings.traces.as_ref()?;
    let state = match reach(traces).await {
        Ok(()) => State::ok("ok"),
        Err(error) => State::Note(
            format!("{error:#}; traces are dropped"),
            "check OTEL_EXPORTER_OTLP_ENDPOINT and _HEADERS, and that it takes OTLP over HTTP",
        ),
    };
    Some(Finding::new("trace collector", &traces.endpoint, state))
}

async fn reach(traces: &TraceSettings) -> anyhow::Result<()> {
    let collector = TraceCollector::new(http_client()?, &traces.endpoint, &traces.headers())?;
    Ok(collector.send(br#"{"resourceSpans":[]}"#.to_vec()).await?)
}
