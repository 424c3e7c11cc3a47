//! `doctor`: every setting in force, and whether every service that they point to answers.

use std::process::ExitCode;

use anyhow::Result;
use sluicegate_core::ports::ObjectStore;
use sluicegate_embedded::postgres::find_binaries;
use sluicegate_embedded::services::{Services, read};
use sluicegate_local::system_env;
use sluicegate_postgres::{Database, Options, Pooling, SchemaState, probe_pooler};
use sluicegate_s3::S3ObjectStore;

use crate::places::{configured, data_folder, postgres_search};
use crate::settings::{Secret, Settings, without_password};
use crate::table::table;
use crate::{compose, schema};

/// What came of one look.
struct Finding {
    what: &'static str,
    place: String,
    state: State,
}

enum State {
    Ok(&'static str),
    /// Nothing stops, but somebody should know.
    Note(String),
    /// What is wrong, what to do.
    Wrong(String, &'static str),
}

/// Prints both tables; exit code 1 if something that is needed fails.
pub async fn command(settings: &Settings) -> Result<ExitCode> {
    let rows: Vec<_> = settings.shown.iter().map(setting_row).collect();
    println!("{}", table(["setting", "value", "from"], &rows));
    let findings = [
        database(settings).await,
        objects(settings).await,
        detector(settings).await,
        text_model(settings).await,
        policy(settings),
    ];
    let rows: Vec<_> = findings.iter().map(finding_row).collect();
    print!(
        "{}",
        table(["service", "where", "state", "what to do"], &rows)
    );
    let wrong = findings
        .iter()
        .any(|finding| matches!(finding.state, State::Wrong(..)));
    Ok(if wrong {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn setting_row(shown: &crate::settings::Shown) -> [String; 3] {
    let from = if shown.given {
        "environment"
    } else {
        "default"
    };
    let value = if shown.value.is_empty() {
        "-"
    } else {
        &shown.value
    };
    [shown.name.to_owned(), value.to_owned(), from.to_owned()]
}

fn finding_row(finding: &Finding) -> [String; 4] {
    let (state, advice) = match &finding.state {
        State::Ok(state) => ((*state).to_owned(), ""),
        State::Note(note) => (note.clone(), ""),
        State::Wrong(wrong, advice) => (format!("WRONG: {wrong}"), *advice),
    };
    [
        finding.what.to_owned(),
        finding.place.clone(),
        state,
        advice.to_owned(),
    ]
}

async fn database(settings: &Settings) -> Finding {
    match &settings.database {
        Some(url) => Finding {
            what: "database",
            place: without_password(url.expose()),
            state: configured_database(url).await.unwrap_or_else(|error| {
                State::Wrong(
                    format!("{error:#}"),
                    "check DATABASE_URL, and that the server runs",
                )
            }),
        },
        None => Finding {
            what: "database",
            place: "embedded".to_owned(),
            state: embedded_database(settings).await,
        },
    }
}

async fn configured_database(url: &Secret) -> Result<State> {
    let pooling = probe_pooler(url.expose()).await?;
    if pooling == Pooling::Unfit {
        return Ok(State::Wrong(
            "it mixes up statements".to_owned(),
            schema::UNFIT,
        ));
    }
    let options = Options {
        max_connections: 1,
        ..Options::default()
    };
    let database = Database::connect(url.expose(), &options).await?;
    let state = database.schema_state().await?;
    database.close().await;
    Ok(match (state, pooling) {
        (SchemaState::Behind, _) => State::Wrong(
            "its schema is older than this program".to_owned(),
            "run `sluicegate-origin migrate`",
        ),
        (SchemaState::Ahead, _) => {
            State::Note("ok; its schema is newer than this program".to_owned())
        }
        (SchemaState::Current, Pooling::Transaction) => {
            State::Note("ok, behind a pooler in transaction mode".to_owned())
        }
        (SchemaState::Current, _) => State::Ok("ok"),
    })
}

async fn embedded_database(settings: &Settings) -> State {
    let binaries = find_binaries(&postgres_search(settings));
    match (running(settings).await, binaries) {
        (Err(error), _) => State::Wrong(format!("{error:#}"), "check SLUICEGATE_DATA"),
        (Ok(Some(_)), _) => State::Ok("ok, running"),
        (Ok(None), Ok(folder)) => State::Note(format!(
            "not running; `serve` starts it from {}",
            folder.display()
        )),
        (Ok(None), Err(error)) => {
            State::Wrong(error.to_string(), "install Postgres, or set DATABASE_URL")
        }
    }
}

async fn running(settings: &Settings) -> Result<Option<Services>> {
    let folder = data_folder(settings)?;
    if !folder.is_dir() {
        return Ok(None);
    }
    Ok(read(&folder).await?)
}

async fn objects(settings: &Settings) -> Finding {
    let what = "objects";
    let Some(chosen) = &settings.objects else {
        let state = match running(settings).await {
            Ok(Some(_)) => State::Ok("ok, running"),
            Ok(None) => State::Note("not running; `serve` starts it".to_owned()),
            Err(error) => State::Wrong(format!("{error:#}"), "check SLUICEGATE_DATA"),
        };
        return Finding {
            what,
            place: "embedded".to_owned(),
            state,
        };
    };
    let store = S3ObjectStore::new(&configured(chosen, settings));
    let state = match store.ping().await {
        Ok(()) => State::Ok("ok"),
        Err(error) => State::Wrong(
            error.to_string(),
            "check S3_ENDPOINT and the keys; `serve` makes the bucket if it may",
        ),
    };
    Finding {
        what,
        place: format!("{}/{}", chosen.endpoint, settings.bucket),
        state,
    }
}

/// A detector or model that is down delays verdicts; it stops nothing.
async fn detector(settings: &Settings) -> Finding {
    let what = "picture detector";
    let place = settings.moderation.image_service.as_ref();
    let place = place.map_or("none".to_owned(), |url| without_password(url.expose()));
    let state = match compose::detector(&settings.moderation, &system_env()) {
        Err(error) => State::Wrong(format!("{error:#}"), "check MODERATION_IMAGE_SERVICE_URL"),
        Ok(_) if place == "none" => State::Note("pictures stay unreviewed".to_owned()),
        Ok(detector) => judge_state(detector.ping().await),
    };
    Finding { what, place, state }
}

async fn text_model(settings: &Settings) -> Finding {
    let what = "text model";
    let place = settings.moderation.model.as_ref();
    let place = place.map_or("none".to_owned(), |model| {
        without_password(model.url.expose())
    });
    let state = match compose::text_model(&settings.moderation, &system_env()) {
        Err(error) => State::Wrong(format!("{error:#}"), "check MODERATION_MODEL_URL"),
        Ok(_) if place == "none" => State::Note("rules and duplicates alone".to_owned()),
        Ok(model) => judge_state(model.ping().await),
    };
    Finding { what, place, state }
}

fn judge_state(ping: Result<(), sluicegate_core::error::PortError>) -> State {
    match ping {
        Ok(()) => State::Ok("ok"),
        Err(error) => State::Note(format!("down ({error}); verdicts wait until it is back")),
    }
}

fn policy(settings: &Settings) -> Finding {
    let place = settings.moderation.policy_file.as_ref();
    let place = place.map_or("built in".to_owned(), |path| path.display().to_string());
    Finding {
        what: "rules for posts",
        place,
        // They were read with the settings.
        state: State::Ok("ok"),
    }
}
