//! Tokens that must not be taken, by the edge or by the origin.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jwt_simple::prelude::{Claims, Duration, HS256Key, MACLike};
use reqwest::Method;
use serde_json::json;
use sluicegate_contract::accounts::Session;
use sluicegate_contract::ids::SessionId;
use sluicegate_contract::token::{Role, TokenClaims};
use sluicegate_tests::fixtures;
use sluicegate_tests::platform::Platform;

use crate::shared::{self, JWT_SECRET};

struct Forged {
    secret: &'static str,
    issuer: &'static str,
    valid_for: Duration,
    age: Duration,
    /// How far the clock of whoever signed it is ahead.
    ahead: Duration,
}

impl Default for Forged {
    fn default() -> Self {
        Self {
            secret: JWT_SECRET,
            issuer: "sluicegate",
            valid_for: Duration::from_mins(15),
            age: Duration::from_secs(0),
            ahead: Duration::from_secs(0),
        }
    }
}

impl Forged {
    /// A token for a real account and session that is right but for what is said here.
    fn token(&self, session: &Session) -> String {
        let claims = TokenClaims {
            sid: session_id(session),
            role: Role::User,
        };
        let mut claims = Claims::with_custom_claims(claims, self.valid_for)
            .with_issuer(self.issuer)
            .with_audience("sluicegate")
            .with_subject(session.account.id.to_string());
        for time in [
            &mut claims.issued_at,
            &mut claims.expires_at,
            &mut claims.invalid_before,
        ] {
            *time = time.map(|at| at + self.ahead - self.age);
        }
        HS256Key::from_bytes(self.secret.as_bytes())
            .authenticate(claims)
            .unwrap()
    }
}

fn session_id(session: &Session) -> SessionId {
    let payload = session.access_token.split('.').nth(1).unwrap();
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap();
    let claims: TokenClaims = serde_json::from_slice(&payload).unwrap();
    claims.sid
}

fn without_algorithm(session: &Session) -> String {
    let payload = session.access_token.split('.').nth(1).unwrap();
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    format!("{header}.{payload}.")
}

/// Asks the edge for the account and for an upload, and the origin for the account.
async fn statuses(platform: &Platform, token: Option<&str>) -> [u16; 3] {
    let edge = platform.client().unwrap().with_token(token);
    let origin = platform.origin_client().unwrap().with_token(token);
    let photo = fixtures::read("photo.png").unwrap();
    [
        edge.get("/v1/me").await.unwrap().status.as_u16(),
        edge.upload("avatar", photo).await.unwrap().status.as_u16(),
        origin.get("/v1/me").await.unwrap().status.as_u16(),
    ]
}

#[tokio::test]
async fn only_tokens_of_ours_are_taken() {
    let platform = shared::platform().await.unwrap();
    let (_, session) = platform
        .client()
        .unwrap()
        .sign_up("token_owner")
        .await
        .unwrap();

    let good = Forged::default().token(&session);
    assert_eq!(
        statuses(&platform, Some(&good)).await,
        [200, 201, 200],
        "the forger works"
    );

    let hour = Duration::from_hours(1);
    let cases = [
        ("none", None),
        ("garbage", Some("garbage".to_owned())),
        (
            "expired",
            Some(
                Forged {
                    age: hour,
                    ..Forged::default()
                }
                .token(&session),
            ),
        ),
        (
            "wrong key",
            Some(
                Forged {
                    secret: &"x".repeat(40).leak()[..],
                    ..Forged::default()
                }
                .token(&session),
            ),
        ),
        ("alg none", Some(without_algorithm(&session))),
        (
            "another issuer",
            Some(
                Forged {
                    issuer: "elsewhere",
                    ..Forged::default()
                }
                .token(&session),
            ),
        ),
        ("too long", Some(format!("{good}{}", "A".repeat(4096)))),
    ];
    for (name, token) in cases {
        let statuses = statuses(&platform, token.as_deref()).await;
        assert_eq!(statuses, [401, 401, 401], "token: {name}");
    }
}

#[tokio::test]
async fn clocks_that_differ_by_two_minutes_lock_nobody_out() {
    let platform = shared::platform().await.unwrap();
    let (_, session) = platform
        .client()
        .unwrap()
        .sign_up("token_skewed")
        .await
        .unwrap();
    let two = Duration::from_mins(2);
    // As an edge sees a fresh token whose clock is behind the origin's, and one whose clock is ahead.
    let behind = Forged {
        ahead: two,
        ..Forged::default()
    };
    let ahead = Forged {
        age: two,
        ..Forged::default()
    };
    for (name, forged) in [("behind", behind), ("ahead", ahead)] {
        let statuses = statuses(&platform, Some(&forged.token(&session))).await;
        assert_eq!(statuses, [200, 201, 200], "an edge that is {name}");
    }
}

#[tokio::test]
async fn a_session_that_ended_is_refused_by_the_origin() {
    let platform = shared::platform().await.unwrap();
    let (client, _) = platform
        .client()
        .unwrap()
        .sign_up("token_leaver")
        .await
        .unwrap();
    client
        .call(Method::DELETE, "/v1/sessions/current")
        .await
        .unwrap()
        .expect_status(204)
        .unwrap();
    // The edge may still let the token through until it runs out; the origin decides.
    client
        .get("/v1/me")
        .await
        .unwrap()
        .expect_problem(401, "unauthorized")
        .unwrap();
    client
        .upload("avatar", fixtures::read("photo.png").unwrap())
        .await
        .unwrap()
        .expect_problem(401, "unauthorized")
        .unwrap();
}

#[tokio::test]
async fn a_refresh_token_works_once() {
    let platform = shared::platform().await.unwrap();
    let (client, session) = platform
        .client()
        .unwrap()
        .sign_up("token_refresher")
        .await
        .unwrap();
    let body = json!({"refresh_token": session.refresh_token});
    let path = "/v1/sessions/refresh";
    let next: Session = client
        .send(Method::POST, path, &body)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_ne!(next.refresh_token, session.refresh_token);

    client
        .send(Method::POST, path, &body)
        .await
        .unwrap()
        .expect_status(401)
        .unwrap();
    let thief_locked_out = json!({"refresh_token": next.refresh_token});
    let answer = client
        .send(Method::POST, path, &thief_locked_out)
        .await
        .unwrap();
    answer.expect_status(401).unwrap();
}
