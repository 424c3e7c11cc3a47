use std::path::Path;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::embedded::data_folder;
use crate::origin::{Origin, client, post, read};

const PATIENCE: Duration = Duration::from_mins(2);

/// The new key is published as soon as an origin looks again, which it does within seconds.
async fn both_keys(client: &Client, url: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let jwks = read(client, format!("{url}/.well-known/jwks.json"), "").await;
        if jwks["keys"].as_array().is_some_and(|keys| keys.len() == 2) {
            return;
        }
        assert!(Instant::now() < deadline, "one key only: {jwks}");
        sleep(Duration::from_millis(200)).await;
    }
}

/// What a command of the program prints.
async fn command(data: &Path, arguments: &[&str]) -> String {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_sluicegate-origin"))
        .args(arguments)
        .env("SLUICEGATE_DATA", data)
        .output()
        .await
        .expect("runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    text
}

#[tokio::test]
async fn with_a_shared_secret_there_are_no_keys_to_rotate() {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_sluicegate-origin"))
        .args(["keys", "rotate"])
        .env("JWT_SECRET", "x".repeat(32))
        .output()
        .await
        .expect("runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && errors.contains("JWT_SECRET is set"),
        "{errors}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_origins_in_one_process_are_one_service() {
    let data = data_folder();
    let client = client();
    let first = Origin::start(data.path(), &[]).await;
    first.answers("/readyz", 200).await;
    let second = Origin::start(data.path(), &[]).await;
    second.answers("/readyz", 200).await;

    let person = json!({"handle": "ada", "password": "correct horse"});
    post(
        &client,
        format!("{}/v1/accounts", first.url),
        person.clone(),
        "",
    )
    .await;
    let session = post(&client, format!("{}/v1/sessions", second.url), person, "").await;
    let token = session["access_token"].as_str().expect("has a token");
    let me = client
        .get(format!("{}/v1/me", first.url))
        .bearer_auth(token);
    let me = me.send().await.expect("answers");
    assert_eq!(me.status(), 200);
    let me: Value = serde_json::from_str(&me.text().await.expect("has a body")).expect("is JSON");
    assert_eq!(me["handle"], "ada");

    // Roles and keys are changed by commands while origins run, and nobody has to log in again.
    let grant = command(data.path(), &["grant", "--role", "operator", "ada"]).await;
    assert!(grant.contains("ada had the role user"), "{grant}");
    let me = read(&client, format!("{}/v1/me", second.url), token).await;
    assert_eq!(me["role"], "operator");
    let list = command(data.path(), &["keys", "list"]).await;
    assert!(list.contains("signs"), "{list}");
    let rotated = command(data.path(), &["keys", "rotate"]).await;
    assert!(rotated.contains("is published now"), "{rotated}");
    let again = command(data.path(), &["keys", "rotate"]).await;
    assert!(again.contains("a new key waits already"), "{again}");
    for origin in [&first, &second] {
        both_keys(&client, &origin.url).await;
        let me = read(&client, format!("{}/v1/me", origin.url), token).await;
        assert_eq!(me["handle"], "ada");
    }

    // The first one started the embedded services; they end with it.
    second.stop().await;
    first.stop().await;
    assert!(
        !data.path().join("services.json").exists(),
        "the services are gone"
    );
}
