//! What stands in the place of origin and store: answers as recorded, and notes what was asked otherwise.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jwt_simple::prelude::{Claims, Duration, Ed25519KeyPair, EdDSAKeyPairLike};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluicegate_contract::ids::SessionId;
use sluicegate_contract::token::{Role, TokenClaims};
use sluicegate_tests::contract::events;
use sluicegate_tests::contract::recording::{Answer, Exchange, Names, Step};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

const KEYS: &str = "/.well-known/jwks.json";
/// What the store holds; as long as every recorded number says.
const PICTURE: &str = "webp";

pub struct Script {
    pub url: String,
    /// A value for every name of the recordings.
    pub names: Names,
    state: Arc<Mutex<Play>>,
    _server: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Play {
    names: Names,
    /// Asked whenever the edge wants to: how long it keeps keys is its own affair.
    keys: Option<Answer>,
    expected: VecDeque<Exchange>,
    store_status: u16,
    faults: Vec<String>,
}

impl Script {
    pub async fn start(steps: &[(String, Step)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let names = values(steps, &url);
        let mut exchanges = steps.iter().flat_map(|(_, step)| &step.origin);
        let keys = exchanges.find(|exchange| exchange.request.target == KEYS);
        let state = Arc::new(Mutex::new(Play {
            names: names.clone(),
            keys: Some(keys.expect("keys were recorded").answer.clone()),
            ..Play::default()
        }));
        let app = Router::new().fallback(play).with_state(Arc::clone(&state));
        let server = AbortOnDropHandle::new(tokio::spawn(async move {
            axum::serve(listener, app).await.unwrap();
        }));
        Self {
            url,
            names,
            state,
            _server: server,
        }
    }

    /// From now on what was said in this step is expected.
    pub fn begin(&self, step: &Step) {
        let mut play = self.state.lock().unwrap();
        let asked = |exchange: &&Exchange| exchange.request.target != KEYS;
        play.expected = step.origin.iter().filter(asked).cloned().collect();
        let refused = step.client.request.file.is_some() && step.client.answer.status == 503;
        play.store_status = if refused { 503 } else { 200 };
    }

    /// All of it was asked, and as recorded.
    pub fn end(&self, file: &str) {
        let play = self.state.lock().unwrap();
        assert!(play.faults.is_empty(), "{file}: {:#?}", play.faults);
        let left: Vec<_> = play
            .expected
            .iter()
            .map(|exchange| &exchange.request)
            .collect();
        assert!(left.is_empty(), "{file}: the edge did not ask {left:#?}");
    }
}

async fn play(
    State(state): State<Arc<Mutex<Play>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut play = state.lock().unwrap();
    if target.starts_with("/store/") {
        return stored(&play, &method, &headers, &body);
    }
    if target == KEYS {
        return answer(&play.names, play.keys.as_ref().unwrap());
    }
    let Some(expected) = play.expected.pop_front() else {
        play.faults
            .push(format!("{method} {target} was not asked before"));
        return Response::builder().status(500).body(Body::empty()).unwrap();
    };
    let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if let Err(fault) = is_as_recorded(&play.names, &expected, &method, target, &headers, &json) {
        play.faults.push(format!("{method} {target}: {fault}"));
    }
    answer(&play.names, &expected.answer)
}

fn is_as_recorded(
    names: &Names,
    expected: &Exchange,
    method: &Method,
    target: &str,
    headers: &HeaderMap,
    json: &Value,
) -> Result<(), String> {
    let mut names = names.clone();
    let recorded = &expected.request;
    if recorded.method != method.as_str() || names.fill(&recorded.target) != target {
        return Err(format!(
            "{} {} was recorded",
            recorded.method, recorded.target
        ));
    }
    for (name, value) in &recorded.headers {
        let found = headers
            .get(name)
            .map_or("", |found| found.to_str().unwrap());
        if found.is_empty() || !names.fits_text(value, found) {
            return Err(format!(
                "header {name}: recorded {value:?}, found {found:?}"
            ));
        }
    }
    names.fits(&recorded.json, json)
}

/// As a store does, it refuses what does not have the digest that the address was signed with.
fn stored(play: &Play, method: &Method, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
    let declared = headers.get("x-amz-checksum-sha256");
    let fits =
        declared.is_none_or(|digest| *digest == BASE64_STANDARD.encode(Sha256::digest(body)));
    let status = if fits { play.store_status } else { 400 };
    let body = if *method == Method::GET { PICTURE } else { "" };
    Response::builder()
        .status(status)
        .body(Body::from(body))
        .unwrap()
}

fn answer(names: &Names, recorded: &Answer) -> Response<Body> {
    let mut response = Response::builder().status(recorded.status);
    for (name, value) in &recorded.headers {
        response = response.header(name, names.fill(value));
    }
    let content_type = recorded.headers.get("content-type");
    let is_stream = content_type.is_some_and(|kind| kind.starts_with(events::CONTENT_TYPE));
    // An origin of a newer release may say more.
    response = response.header("x-of-a-newer-release", "1");
    let mut json = names.fill_json(&recorded.json);
    if !is_stream {
        say_more(&mut json);
    }
    let body = match json {
        Value::Null => Body::empty(),
        Value::Array(events) if is_stream => Body::from(stream(&events)),
        json => Body::from(json.to_string()),
    };
    response.body(body).unwrap()
}

/// Adds a member to each object, but not to the headers of a presigned PUT, which are a list of their own.
fn say_more(json: &mut Value) {
    match json {
        Value::Object(members) => {
            for (_, value) in members.iter_mut().filter(|(name, _)| *name != "headers") {
                say_more(value);
            }
            members.insert("of_a_newer_release".to_owned(), json!({"a": [1]}));
        }
        Value::Array(values) => values.iter_mut().for_each(say_more),
        _ => {}
    }
}

/// What [`events::read`] reads.
fn stream(events: &[Value]) -> String {
    let mut stream = String::new();
    for event in events {
        for (name, value) in event.as_object().expect("an event") {
            let name = name.strip_prefix("last_event_").unwrap_or(name);
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            writeln!(stream, "{name}: {value}").unwrap();
        }
        stream.push('\n');
    }
    stream
}

/// A value for each name in the recordings, of the kind that its name says.
fn values(steps: &[(String, Step)], url: &str) -> Names {
    let key = Ed25519KeyPair::generate();
    let public = BASE64_URL_SAFE_NO_PAD.encode(key.public_key().to_bytes());
    let text: String = steps
        .iter()
        .map(|(_, step)| serde_json::to_string(step).unwrap())
        .collect();
    let found = text
        .split('<')
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('>')?.0));
    let mut names = BTreeMap::new();
    for (count, name) in found.enumerate() {
        let (kind, number) = name.split_once('-').unwrap_or((name, "0"));
        let value = match kind {
            "id" => format!("01890a5d-ac96-774b-bcce-{number:0>12}"),
            "access_token" => token(&key, count),
            "kid" => "the-key".to_owned(),
            "x" => public.clone(),
            "store_url" => format!("{url}/store/{number}"),
            "etag" => format!("\"{number}\""),
            "number" => PICTURE.len().to_string(),
            "time" => "2026-11-24T17:12:09.000Z".to_owned(),
            _ => name.to_owned(),
        };
        names.entry(name.to_owned()).or_insert(value);
    }
    Names(names)
}

fn token(key: &Ed25519KeyPair, count: usize) -> String {
    let claims = TokenClaims {
        sid: SessionId(uuid::Uuid::from_u128(count as u128)),
        role: Role::User,
    };
    let claims = Claims::with_custom_claims(claims, Duration::from_mins(15))
        .with_issuer("sluicegate")
        .with_audience("sluicegate")
        .with_subject(uuid::Uuid::from_u128(7));
    key.clone().with_key_id("the-key").sign(claims).unwrap()
}
