//! The bucket's own settings, on a store that has them and on one that has not.

#![expect(clippy::unwrap_used, reason = "tests")]

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter,
};
use sluicegate_conformance::notes::RanOn;
use sluicegate_conformance::scripted::{Reply, ScriptedServer};
use sluicegate_conformance::servers::{Drives, Minio};
use sluicegate_core::ports::{ObjectStore, PutOptions};
use sluicegate_s3::{BucketChanges, BucketState, S3ObjectStore, Settings, StagingRule, Standing};

use crate::minio::settings;
use crate::server::{Server, http};

const RULE: StagingRule = StagingRule {
    prefix: "staging/",
    days: 38,
};

/// Somebody else who has keys to the bucket.
fn somebody(settings: &Settings) -> Client {
    let (id, secret) = (&settings.access_key_id, &settings.secret_access_key);
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&settings.endpoint)
        .force_path_style(true)
        .credentials_provider(Credentials::new(id, secret, None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn rule(id: &str, prefix: &str, days: i32) -> LifecycleRule {
    LifecycleRule::builder()
        .id(id)
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix(prefix).build())
        .expiration(LifecycleExpiration::builder().days(days).build())
        .build()
        .unwrap()
}

async fn rules(client: &Client) -> Vec<(String, i32)> {
    let get = client.get_bucket_lifecycle_configuration();
    let found = get.bucket("pictures").send().await.unwrap();
    let rules = found.rules().iter();
    let mut rules: Vec<_> = rules
        .map(|rule| {
            let days = rule.expiration().unwrap().days().unwrap();
            (rule.id().unwrap().to_owned(), days)
        })
        .collect();
    rules.sort();
    rules
}

fn is_sound(state: &BucketState) -> bool {
    (&state.staging, &state.policy) == (&Standing::Right, &Standing::Right)
}

#[tokio::test]
async fn a_bucket_is_set_up_on_one_drive_and_again_when_it_was_changed() {
    let name = "a_bucket_is_set_up_on_one_drive_and_again_when_it_was_changed";
    Box::pin(is_set_up(Drives::One, name)).await;
}

#[tokio::test]
async fn a_bucket_is_set_up_on_four_drives_and_again_when_it_was_changed() {
    let name = "a_bucket_is_set_up_on_four_drives_and_again_when_it_was_changed";
    Box::pin(is_set_up(Drives::Four, name)).await;
}

#[tokio::test]
async fn a_bucket_is_set_up_on_four_servers_and_again_when_it_was_changed() {
    let name = "a_bucket_is_set_up_on_four_servers_and_again_when_it_was_changed";
    Box::pin(is_set_up(Drives::FourServers, name)).await;
}

async fn is_set_up(drives: Drives, test: &str) {
    let Some(server) = Minio::start(drives, test).await else {
        return;
    };
    let ran = RanOn::begins(&server.version(), "the setting up of the bucket");
    let settings = settings(&server);
    let (store, client) = (S3ObjectStore::new(&settings), somebody(&settings));
    let first = store.set_up_bucket(RULE).await.unwrap();
    assert!(first.made && first.staging && first.policy.is_none());
    let state = store.inspect_bucket(RULE).await;
    assert!(is_sound(&state), "{state:?}");
    assert_eq!(state.block, Standing::Unsupported);
    let nothing = BucketChanges::default();
    assert_eq!(store.set_up_bucket(RULE).await.unwrap(), nothing);
    let ours = ("sluicegate-staging".to_owned(), 38);
    assert_eq!(rules(&client).await, std::slice::from_ref(&ours));

    // Somebody adds a rule, spoils ours, and opens the bucket.
    let others = [
        rule("others", "logs/", 7),
        rule("sluicegate-staging", "staging/", 1),
    ];
    let both = BucketLifecycleConfiguration::builder().set_rules(Some(others.to_vec()));
    let put = client.put_bucket_lifecycle_configuration();
    let put = put.bucket("pictures");
    let put = put.lifecycle_configuration(both.build().unwrap());
    put.send().await.unwrap();
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::pictures/media/*"]}]}"#;
    let put = client.put_bucket_policy().bucket("pictures");
    put.policy(policy).send().await.unwrap();
    let options = PutOptions {
        content_type: "image/webp",
    };
    store.put("media/a", "x".into(), &options).await.unwrap();
    let picture = format!("{}/pictures/media/a", settings.endpoint);
    let open = http().get(&picture).send().await.unwrap();
    assert_eq!(open.status(), 200, "the policy lets anybody in");

    let state = store.inspect_bucket(RULE).await;
    assert!(matches!(state.staging, Standing::Wrong(_)), "{state:?}");
    assert!(matches!(state.policy, Standing::Wrong(_)), "{state:?}");
    let again = store.set_up_bucket(RULE).await.unwrap();
    assert!(!again.made && again.staging);
    assert!(again.policy.is_some_and(|said| said.contains("media/*")));
    assert!(is_sound(&store.inspect_bucket(RULE).await));
    assert_eq!(rules(&client).await, [("others".to_owned(), 7), ours]);
    let open = http().get(&picture).send().await.unwrap();
    assert_eq!(open.status(), 403, "nobody is let in any more");
    assert_eq!(store.set_up_bucket(RULE).await.unwrap(), nothing);
    ran.passed();
    server.stop().await;
}

#[tokio::test]
async fn what_the_embedded_server_does_not_know_is_told() {
    let server = Server::start("bucket").await;
    let store = S3ObjectStore::new(&server.settings);
    let first = store.set_up_bucket(RULE).await.unwrap();
    let made = BucketChanges {
        made: true,
        ..BucketChanges::default()
    };
    assert_eq!(first, made);
    assert_eq!(
        store.set_up_bucket(RULE).await.unwrap(),
        BucketChanges::default()
    );
    let unsupported = BucketState {
        staging: Standing::Unsupported,
        policy: Standing::Unsupported,
        block: Standing::Unsupported,
    };
    assert_eq!(store.inspect_bucket(RULE).await, unsupported);
    server.stop().await;
}

#[tokio::test]
async fn a_store_that_is_down_is_not_told_to_be_wrong() {
    let server = Server::start("bucket-down").await;
    let settings = server.settings.clone();
    server.stop().await;
    let store = S3ObjectStore::new(&settings);
    assert!(
        store
            .set_up_bucket(RULE)
            .await
            .unwrap_err()
            .is_unavailable()
    );
    let state = store.inspect_bucket(RULE).await;
    assert!(matches!(state.staging, Standing::Unknown(_)), "{state:?}");
    assert!(matches!(state.policy, Standing::Unknown(_)), "{state:?}");
}

/// As Amazon answers what this program asks of `?publicAccessBlock`: each part, on or off.
fn access_block(parts: [bool; 4]) -> String {
    let names = [
        "BlockPublicAcls",
        "IgnorePublicAcls",
        "BlockPublicPolicy",
        "RestrictPublicBuckets",
    ];
    let parts = names
        .iter()
        .zip(parts)
        .map(|(name, on)| format!("<{name}>{on}</{name}>"));
    let parts: String = parts.collect();
    format!(
        "<PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}\
        </PublicAccessBlockConfiguration>"
    )
}

/// No store at hand has this switch.
#[tokio::test]
async fn public_access_is_blocked_where_the_store_has_a_switch_for_it() {
    const NONE: &str =
        "<Error><Code>NoSuchPublicAccessBlockConfiguration</Code><Message>none</Message></Error>";
    let all = access_block([true; 4]);
    let some = access_block([true, true, true, false]);
    let answer = |status, body: &str| Reply::Answer(status, body.as_bytes().to_vec());
    let server = ScriptedServer::start(answer(500, "")).await;
    let settings = Settings {
        endpoint: server.url(),
        edge_endpoint: server.url(),
        public_endpoint: None,
        region: "us-east-1".to_owned(),
        bucket: "pictures".to_owned(),
        access_key_id: "somebody".to_owned(),
        secret_access_key: "secret".to_owned(),
    };
    let store = S3ObjectStore::new(&settings);
    for (status, found, is_changed) in [(404, NONE, true), (200, &*some, true), (200, &*all, false)]
    {
        // The bucket is there; it knows neither rules nor policies.
        server.next([answer(200, ""), answer(501, ""), answer(status, found)]);
        if is_changed {
            server.next([answer(200, "")]);
        }
        server.next([answer(501, "")]);
        let changes = store.set_up_bucket(RULE).await.unwrap();
        assert_eq!(changes.block, is_changed, "{found}");
        let seen = server.take_seen();
        let put = seen.iter().find(|request| request.method == "PUT");
        assert_eq!(put.is_some(), is_changed, "{seen:?}");
        if let Some(put) = put {
            assert!(put.path.contains("publicAccessBlock"), "{put:?}");
            let body = String::from_utf8_lossy(&put.body);
            assert_eq!(body.matches(">true</").count(), 4, "{body}");
        }
    }
    for (found, is_right) in [(&some, false), (&all, true)] {
        server.always(answer(200, found));
        let block = store.inspect_bucket(RULE).await.block;
        assert_eq!(block == Standing::Right, is_right, "{block:?}");
    }
}
