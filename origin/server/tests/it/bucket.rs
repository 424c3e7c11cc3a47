use std::path::Path;
use std::process::Output;

use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::servers::{Drives, Minio};

use crate::doctor::{check, checks, run};
use crate::embedded::data_folder;

async fn command(data: &Path, variables: &[(&'static str, String)]) -> Output {
    let (data, variables) = (data.to_owned(), variables.to_owned());
    let run = move || {
        let variables = variables.iter().map(|(name, text)| (*name, text.as_str()));
        let variables: Vec<_> = variables.collect();
        run(&data, &["bucket", "init"], &variables)
    };
    tokio::task::spawn_blocking(run).await.expect("runs")
}

fn text(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn doctor_says(data: &Path, variables: &[(&'static str, String)]) -> serde_json::Value {
    let (data, variables) = (data.to_owned(), variables.to_owned());
    let look = move || {
        let variables = variables.iter().map(|(name, text)| (*name, text.as_str()));
        let variables: Vec<_> = variables.collect();
        checks(&data, &variables).0
    };
    let found = tokio::task::spawn_blocking(look).await.expect("looks");
    check(&found, "bucket").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_is_set_up_twice_and_found_right() {
    let name = "a_bucket_is_set_up_twice_and_found_right";
    let Some(server) = Minio::start(Drives::One, name).await else {
        return;
    };
    let ran = RanOn::begins(&server.version(), "`bucket init`, and `doctor` after it");
    let data = data_folder();
    let variables = [
        ("S3_ENDPOINT", server.endpoint()),
        ("S3_ACCESS_KEY_ID", Minio::ACCESS_KEY_ID.to_owned()),
        ("S3_SECRET_ACCESS_KEY", Minio::SECRET_ACCESS_KEY.to_owned()),
    ];
    let first = text(&command(data.path(), &variables).await);
    assert_eq!(
        first,
        "bucket: sluicegate, made now\n\
         lifecycle: files in staging/ expire after 38 days, set now\n\
         policy: lets nobody in without keys\n\
         public access: this store has no switch for that\n"
    );
    let again = text(&command(data.path(), &variables).await);
    assert_eq!(
        again,
        first
            .replace("made now", "as it was")
            .replace("set now", "as it was")
    );
    let found = doctor_says(data.path(), &variables).await;
    assert_eq!(found["state"], "ok", "{found}");
    ran.passed();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_store_says_what_it_has_not() {
    let data = data_folder();
    let said = text(&command(data.path(), &[]).await);
    assert!(said.starts_with("bucket: sluicegate, made now\n"), "{said}");
    assert!(said.contains("the sweep alone deletes"), "{said}");
    let again = text(&command(data.path(), &[]).await);
    assert!(
        again.starts_with("bucket: sluicegate, as it was\n"),
        "{again}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_down_is_an_error() {
    let data = data_folder();
    let variables = [
        // Port 9 (discard): nobody listens there.
        ("S3_ENDPOINT", "http://127.0.0.1:9".to_owned()),
        ("S3_ACCESS_KEY_ID", "id".to_owned()),
        ("S3_SECRET_ACCESS_KEY", "hunter2".to_owned()),
    ];
    let output = command(data.path(), &variables).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && errors.contains("cannot set up the bucket"),
        "{errors}"
    );
    assert!(!errors.contains("hunter2"), "{errors}");
}
