use std::collections::BTreeMap;
use std::process::Command;

use sluicegate_core::fair::Rate;
use sluicegate_core::job::{IMAGE_QUEUE, POST_QUEUE};
use sluicegate_core::limits::Limits;
use sluicegate_origin::settings::{
    LogFormat, ModelApi, PublicStore, REFERENCE, Secret, Settings, WrongSettings,
};

fn parse(given: &[(&str, &str)]) -> Result<Settings, WrongSettings> {
    let map: BTreeMap<_, _> = given.iter().copied().collect();
    Settings::parse(&|name| map.get(name).map(|value| (*value).to_owned()))
}

#[test]
fn nothing_needs_to_be_set() {
    let settings = parse(&[]).expect("defaults are right");
    assert_eq!(settings.listen.port(), 8080);
    assert!(settings.database.is_none() && settings.objects.is_none());
    assert!(!settings.moderation.image_async && !settings.moderation.content_async);
    assert_eq!(settings.log, LogFormat::Pretty);
}

#[test]
fn replicas_are_a_list() {
    let primary = ("DATABASE_URL", "postgres://u:p@one/x");
    let list = "postgres://u:p@two/x,  postgresql://u:p@three:6432/x?sslmode=disable ,";
    let settings = parse(&[primary, ("DATABASE_READ_URL", list)]).expect("is right");
    let read: Vec<&str> = settings.database_read.iter().map(Secret::expose).collect();
    assert_eq!(
        read,
        [
            "postgres://u:p@two/x",
            "postgresql://u:p@three:6432/x?sslmode=disable"
        ]
    );
    assert_eq!(settings.database_read_lag.as_millis(), 2_000);
    let none = parse(&[primary, ("DATABASE_READ_URL", " , ")]).expect("is right");
    assert!(none.database_read.is_empty());
    // One wrong one among them, and replicas of nothing.
    for (given, name) in [
        (
            [primary, ("DATABASE_READ_URL", "postgres://two/x,two")],
            "DATABASE_READ_URL",
        ),
        (
            [primary, ("DATABASE_READ_URL", "postgres://two:port/x")],
            "DATABASE_READ_URL",
        ),
        (
            [("DATABASE_READ_URL", list), ("DATABASE_POOL", "16")],
            "DATABASE_URL",
        ),
    ] {
        let refused = parse(&given).expect_err("must be refused");
        assert_eq!(refused.0.first().map(|wrong| wrong.name), Some(name));
    }
}

#[test]
fn proxies_are_addresses_and_blocks() {
    let given = [
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("PROXY_HEADER", "forwarded"),
    ];
    let proxies = parse(&given).expect("is right").proxies;
    assert_eq!(proxies.trusted.len(), 2);
    assert_eq!(proxies.header.as_str(), "forwarded");
    for wrong in [
        ("TRUSTED_PROXIES", "10.0.0.0/8,all"),
        ("PROXY_HEADER", "via"),
    ] {
        let refused = parse(&[wrong]).expect_err("must be refused");
        assert_eq!(refused.0.first().map(|wrong| wrong.name), Some(wrong.0));
    }
}

#[test]
fn limits_are_the_contracts_and_can_only_be_lowered() {
    let defaults = parse(&[]).expect("defaults are right").limits;
    assert_eq!(defaults, Limits::default());
    let lower = parse(&[("LIMIT_OPEN_TICKETS", "3"), ("LIMIT_TICKET_SECONDS", "60")]);
    let lower = lower.expect("is right").limits;
    assert_eq!(lower.quota.open_tickets, 3);
    assert_eq!(lower.ticket_lifetime.as_secs(), 60);
    for (name, _) in documented() {
        let Some(default) = name.strip_prefix("LIMIT_").and(default_of(name)) else {
            continue;
        };
        let more = (default + 1).to_string();
        let wrong = parse(&[(name, more.as_str())]).expect_err("must be refused");
        assert_eq!(wrong.0.first().map(|wrong| wrong.name), Some(name));
    }
    let wrong = parse(&[("LIMIT_BYTES_A_DAY", "10485759")]).expect_err("must be refused");
    assert!(wrong.to_string().contains("LIMIT_PICTURE_BYTES"), "{wrong}");
}

#[test]
fn rates_are_off_unless_they_are_set() {
    let none = parse(&[]).expect("defaults are right").work.rates;
    assert_eq!(none.of(IMAGE_QUEUE), None);
    let one = parse(&[("IMAGE_JOBS_A_MINUTE", "600")]).expect("is right");
    assert_eq!(one.work.rates.of(IMAGE_QUEUE), Rate::per_minute(600));
    assert_eq!(one.work.rates.of(POST_QUEUE), None);
    for wrong in ["-1", "1000001", "ten"] {
        let refused = parse(&[("POST_JOBS_A_MINUTE", wrong)]).expect_err("must be refused");
        let named = refused.0.first().map(|wrong| wrong.name);
        assert_eq!(named, Some("POST_JOBS_A_MINUTE"));
    }
}

fn default_of(name: &str) -> Option<u64> {
    let (_, default) = documented().into_iter().find(|(known, _)| *known == name)?;
    default.parse().ok()
}

/// `NAME=default` of each line of the reference, in its order.
fn documented() -> Vec<(&'static str, &'static str)> {
    let lines = REFERENCE
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once('='));
    lines
        .filter(|(name, _)| {
            name.bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        })
        .collect()
}

#[test]
fn the_reference_has_every_setting_with_its_default() {
    let settings = parse(&[]).expect("defaults are right");
    let mut known: Vec<_> = settings
        .shown
        .iter()
        .map(|shown| (shown.name, shown.default))
        .collect();
    let mut documented = documented();
    known.sort_unstable();
    documented.sort_unstable();
    assert_eq!(documented, known);
}

#[test]
fn every_setting_is_explained() {
    let mut above = "";
    for line in REFERENCE.lines() {
        if line
            .strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
        {
            assert!(above.starts_with("# "), "{line} has no comment above it");
        }
        above = line;
    }
}

#[test]
fn what_is_empty_counts_as_not_set() {
    let all: Vec<_> = documented()
        .into_iter()
        .map(|(name, _)| (name, " "))
        .collect();
    assert!(parse(&all).is_ok());
}

#[test]
fn clients_reach_the_store_where_that_is_said() {
    assert_eq!(parse(&[]).expect("defaults are right").public_store, None);
    let public = |text| parse(&[("S3_PUBLIC_ENDPOINT", text)]).map(|it| it.public_store);
    assert_eq!(public("same").expect("right"), Some(PublicStore::Same));
    let url = PublicStore::At("https://store.example".to_owned());
    assert_eq!(public("https://store.example/").expect("right"), Some(url));
    assert!(public("store").is_err());

    let sites = |text| parse(&[("S3_CORS_ORIGINS", text)]).map(|it| it.cors_origins);
    let two = sites("https://a.example, http://127.0.0.1:3000").expect("right");
    assert_eq!(two, ["https://a.example", "http://127.0.0.1:3000"]);
    for wrong in [
        "a.example",
        "https://a.example/",
        "https://A.example",
        "*",
        "https://a@b",
    ] {
        assert!(sites(wrong).is_err(), "{wrong}");
    }
}

const WRONG: [(&str, &str); 9] = [
    ("SLUICEGATE_LISTEN", "everywhere"),
    ("DATABASE_URL", "mysql://db"),
    ("S3_ENDPOINT", "http://store:9000"),
    ("JWT_SECRET", "short"),
    ("MODERATION_IMAGE_ASYNC", "maybe"),
    ("POST_JOBS", "0"),
    ("REDIS_URL", "http://queue"),
    ("MODERATION_MODEL", "llama"),
    ("MODERATION_POLICY_FILE", "/nowhere/rules.toml"),
];

#[test]
fn all_errors_come_at_once() {
    let wrong = parse(&WRONG).expect_err("must be refused");
    let mut names: Vec<_> = wrong.0.iter().map(|wrong| wrong.name).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "DATABASE_URL",
            "JWT_SECRET",
            "MODERATION_IMAGE_ASYNC",
            "MODERATION_MODEL_URL",
            "MODERATION_POLICY_FILE",
            "POST_JOBS",
            "REDIS_URL",
            "S3_ACCESS_KEY_ID",
            "S3_SECRET_ACCESS_KEY",
            "SLUICEGATE_LISTEN",
        ]
    );
    assert!(
        !wrong.to_string().contains("short"),
        "a secret is shown: {wrong}"
    );
}

#[test]
fn what_adapters_would_find_late_is_found_at_once() {
    let place = tempfile::tempdir().expect("makes a folder");
    let file = place.path().join("policy.toml");
    std::fs::write(&file, "[[rule]]\nname = 3\n").expect("writes");
    let wrong = parse(&[
        ("DATABASE_URL", "postgres://app:hunter2@db:port/x"),
        ("DATABASE_DIRECT_URL", "postgres://app@db/x?sslmode=maybe"),
        ("S3_ENDPOINT", "http://u:hunter2@store:9000"),
        ("S3_EDGE_ENDPOINT", "http://u@store:9000"),
        ("S3_ACCESS_KEY_ID", "id"),
        ("S3_SECRET_ACCESS_KEY", "secret"),
        ("MODERATION_IMAGE_SERVICE_URL", "http://detector/?a=b"),
        ("MODERATION_MODEL_URL", "http://:hunter2@llm"),
        ("MODERATION_MODEL", "tiny"),
        ("MODERATION_POLICY_FILE", file.to_str().expect("is text")),
    ])
    .expect_err("must be refused");
    let mut names: Vec<_> = wrong.0.iter().map(|wrong| wrong.name).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "DATABASE_DIRECT_URL",
            "DATABASE_URL",
            "MODERATION_IMAGE_SERVICE_URL",
            "MODERATION_MODEL_URL",
            "MODERATION_POLICY_FILE",
            "S3_EDGE_ENDPOINT",
            "S3_ENDPOINT",
        ],
        "{wrong}"
    );
    assert!(!wrong.to_string().contains("hunter2"), "{wrong}");
}

#[test]
fn a_policy_file_that_is_missing_is_named() {
    let wrong = parse(&[("MODERATION_POLICY_FILE", "/nowhere/rules.toml")]);
    let wrong = wrong.expect_err("must be refused").to_string();
    assert!(
        wrong.contains("MODERATION_POLICY_FILE cannot be used: /nowhere/rules.toml"),
        "{wrong}"
    );
}

#[test]
fn urls_of_sockets_and_paths_are_right() {
    let settings = parse(&[
        (
            "DATABASE_URL",
            "postgres://app:p%40ss@%2Frun%2Fpg/x?sslmode=disable",
        ),
        (
            "MODERATION_IMAGE_SERVICE_URL",
            "https://detector:8000/v1/, http://another:8000",
        ),
    ])
    .expect("is right");
    let urls = settings.moderation.image_services;
    let urls: Vec<_> = urls.iter().map(Secret::expose).collect();
    assert_eq!(urls, ["https://detector:8000/v1", "http://another:8000"]);
}

#[test]
fn secrets_are_never_shown() {
    let secret = "correct-horse-battery-staple-and-more";
    let settings = parse(&[
        (
            "DATABASE_URL",
            "postgres://app:correct-horse-battery-staple-and-more@db/x",
        ),
        (
            "REDIS_URL",
            "rediss://:correct-horse-battery-staple-and-more@queue:6380",
        ),
        ("S3_ENDPOINT", "https://store/"),
        ("S3_ACCESS_KEY_ID", "id"),
        ("S3_SECRET_ACCESS_KEY", secret),
        ("JWT_SECRET", secret),
        ("EDGE_KEY", secret),
        ("MODERATION_MODEL_URL", "http://llm"),
        ("MODERATION_MODEL", "tiny"),
        ("MODERATION_MODEL_API", "openai"),
        ("MODERATION_MODEL_KEY", secret),
    ])
    .expect("is right");
    let shown = format!("{settings:?} {settings:#?}");
    assert!(!shown.contains(secret), "{shown}");
    assert_eq!(
        settings.redis.expect("is set").to_string(),
        "rediss://queue:6380"
    );
    let objects = settings.objects.expect("is set");
    assert_eq!(objects.edge_endpoint, "https://store");
    assert_eq!(objects.secret_access_key.expose(), secret);
    assert_eq!(
        settings.moderation.model.expect("is set").api,
        ModelApi::OpenAi
    );
}

#[test]
fn the_program_ends_with_64_before_it_listens() {
    for command in ["serve", "work", "services", "migrate"] {
        let output = Command::new(env!("CARGO_BIN_EXE_sluicegate-origin"))
            .arg(command)
            .env_clear()
            .envs(WRONG)
            .output()
            .expect("runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{command}: {text}");
        assert!(output.stdout.is_empty());
        for name in [
            "SLUICEGATE_LISTEN",
            "POST_JOBS",
            "REDIS_URL",
            "MODERATION_POLICY_FILE",
            "S3_SECRET_ACCESS_KEY",
        ] {
            assert!(
                text.contains(name),
                "{command} does not name {name}: {text}"
            );
        }
    }
}
